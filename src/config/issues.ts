import type { z } from "zod";
import { configJsonSchema, knownKeys, type JsonSchema } from "./json-schema.ts";
import { isSecretPath, redactUrl } from "./redact.ts";
import { didYouMean } from "./suggest.ts";

export interface Finding {
  path: PropertyKey[];
  message: string;
}

/**
 * zod's issues as sentences: what was expected, and what stands there instead.
 * @param data what was validated
 * @param mayQuote false for values that must not be repeated in a message
 * @param schema what the data should be, for suggesting keys; the config's unless given
 */
export function describeIssues(
  issues: readonly z.core.$ZodIssue[],
  data: unknown,
  mayQuote: (path: readonly PropertyKey[]) => boolean,
  schema: JsonSchema = configJsonSchema(),
): Finding[] {
  const got = (path: readonly PropertyKey[]) => {
    const value = valueAt(data, path);
    return describeValue(value, mayQuote(path) && !isSecretPath(path));
  };
  return issues.flatMap((issue): Finding[] => {
    const path = [...issue.path];
    switch (issue.code) {
      case "unrecognized_keys":
        return issue.keys.map((key) => ({
          path: [...path, key],
          message: `unknown key "${key}"${didYouMean(key, knownKeys(schema, path, data))}`,
        }));
      case "invalid_type": {
        const expected = custom(issue.message) ?? `expected ${kindNames[issue.expected] ?? issue.expected}`;
        return [
          { path, message: valueAt(data, path) === undefined ? `is missing: ${expected}` : `${expected}, got ${got(path)}` },
        ];
      }
      case "invalid_value":
        return [{ path, message: choice(issue.values.map(String), valueAt(data, path), got(path)) }];
      case "invalid_union": {
        if ("options" in issue && Array.isArray(issue.options))
          return [{ path, message: choice(issue.options.map(String), valueAt(data, path), got(path)) }];
        const meant = meantBranch(issue);
        if (meant) {
          const within = meant.map((each) => Object.assign(each, { path: [...path, ...each.path] }));
          return describeIssues(within, data, mayQuote, schema);
        }
        return [{ path, message: `${custom(issue.message) ?? "has the wrong shape"}, got ${got(path)}` }];
      }
      case "invalid_key":
        return [{ path, message: `the name "${String(path.at(-1))}" will not do: ${issue.issues[0]?.message ?? issue.message}` }];
      case "too_small":
      case "too_big":
        return [{ path, message: `${bound(issue)}, got ${got(path)}` }];
      case "invalid_format":
        return [{ path, message: `${custom(issue.message) ?? `expected a ${issue.format}`}, got ${got(path)}` }];
      default:
        return [
          { path, message: mayQuote(path) && !isSecretPath(path) ? issue.message : issue.message.replace(/, got ".*"$/s, "") },
        ];
    }
  });
}

/** Of several shapes, the only one whose kind (text, mapping, list) the value has: what is wrong within it is what to say. */
function meantBranch(issue: z.core.$ZodIssueInvalidUnion): z.core.$ZodIssue[] | undefined {
  const possible = issue.errors.filter(
    (branch) => !branch.some(({ code, path }) => path.length === 0 && (code === "invalid_type" || code === "invalid_value")),
  );
  return possible.length === 1 && issue.errors.length > 1 && possible[0]!.some(({ path }) => path.length > 0)
    ? possible[0]
    : undefined;
}

const kindNames: Record<string, string> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "a mapping",
  record: "a mapping",
};

/** A value in a message: short, with the credentials of URLs taken out. */
function describeValue(value: unknown, mayQuote: boolean): string {
  if (value === undefined || value === null) return "nothing";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (typeof value === "object") return "a mapping";
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value !== "string") return `a ${typeof value}`;
  if (!mayQuote) return "text (not shown)";
  const shown = redactUrl(value);
  return `"${shown.length > 60 ? `${shown.slice(0, 57)}…` : shown}"`;
}

export function valueAt(data: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (typeof value === "object" && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined),
    data,
  );
}

/** zod's own sentences begin in these ways; anything else was written in the schema. */
function custom(message: string): string | undefined {
  return /^(Invalid|Too|Unrecognized)\b/.test(message) ? undefined : message;
}

function choice(options: string[], value: unknown, got: string): string {
  if (value === undefined) return `is missing: expected ${oneOf(options)}`;
  const near = typeof value === "string" ? didYouMean(value, options) : "";
  return `expected ${oneOf(options)}, got ${got}${near.startsWith("; did") ? near : ""}`;
}

function oneOf(options: string[]): string {
  return options.length === 1 ? `"${options[0]}"` : `one of ${options.join(", ")}`;
}

function bound(issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig): string {
  const [limit, word] = issue.code === "too_small" ? [issue.minimum, "least"] : [issue.maximum, "most"];
  if (issue.origin === "array") return `expected at ${word} ${limit} ${limit === 1 ? "entry" : "entries"}`;
  if (issue.origin === "string") return limit === 1 ? "expected text" : `expected at ${word} ${limit} characters`;
  if (issue.inclusive === false) return `expected a number ${issue.code === "too_small" ? "above" : "below"} ${limit}`;
  return `expected at ${word} ${limit}`;
}
