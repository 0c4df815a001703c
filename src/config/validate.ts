import type { Problem } from "../errors.ts";
import { crossChecks } from "./checks.ts";
import { describeIssues, valueAt, type Finding } from "./issues.ts";
import { configSchema, type ConfigFile } from "./schema.ts";
import { dotted } from "./source-text.ts";
import { expandVariables } from "./variables.ts";

export interface Validation {
  /** Undefined when there are problems. */
  config: ConfigFile | undefined;
  /** The file's own value with its variables filled in: what secrets are looked for in. */
  expanded: unknown;
  problems: Problem[];
  warnings: Problem[];
}

export interface ValidationContext {
  env: Readonly<Record<string, string | undefined>>;
  /** As messages show it. */
  file: string;
  lineOf: (path: readonly PropertyKey[]) => number | undefined;
  fileExists: (path: string) => boolean;
}

/** Expands, parses and cross-checks a config; every problem at once, in the order of the file. */
export function validateConfig(value: unknown, context: ValidationContext): Validation {
  const { lineOf, file } = context;
  const asProblem = ({ path, message }: Finding): Problem => {
    const line = lineOf(path);
    return { file, ...(line === undefined ? {} : { line }), ...(path.length > 0 ? { path: dotted(path) } : {}), message };
  };
  const { value: expanded, problems: missing, expandedPaths } = expandVariables(value, context.env);
  const unexpanded = new Set(missing.map(({ path }) => dotted(path)));
  const fromEnvironment = new Set(expandedPaths.map(dotted));
  const { data, result } = parse(expanded, fromEnvironment);
  const mayQuote = (path: readonly PropertyKey[]) => !fromEnvironment.has(dotted(path));
  const issues = result.success ? [] : describeIssues(result.error.issues, data, mayQuote);
  const checks = crossChecks(data, context.fileExists);
  const findings = [...missing, ...[...issues, ...checks.problems].filter(({ path }) => !unexpanded.has(dotted(path)))];
  const problems = findings.map(asProblem).toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0));
  return {
    config: problems.length === 0 ? result.data : undefined,
    expanded,
    problems,
    warnings: checks.warnings.map(asProblem),
  };
}

/** The schema; where it wants a number or a truth value and a variable gave the text of one, that is taken. */
function parse(expanded: unknown, fromEnvironment: ReadonlySet<string>) {
  let data = expanded;
  let result = configSchema.safeParse(data);
  for (const issue of result.error?.issues ?? []) {
    if (issue.code !== "invalid_type" || !fromEnvironment.has(dotted(issue.path))) continue;
    const converted = convert(valueAt(data, issue.path), issue.expected);
    if (converted !== undefined) data = withValue(data, issue.path, converted);
  }
  if (data !== expanded) result = configSchema.safeParse(data);
  return { data, result };
}

function convert(value: unknown, expected: string): number | boolean | undefined {
  if (typeof value !== "string" || value.trim() === "") return undefined;
  if (expected === "boolean") return value === "true" ? true : value === "false" ? false : undefined;
  const number = Number(value);
  return (expected === "number" || expected === "int") && Number.isFinite(number) ? number : undefined;
}

function withValue(data: unknown, path: readonly PropertyKey[], value: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  if (Array.isArray(data)) return data.map((each, index) => (index === key ? withValue(each, rest, value) : each));
  const fields = data as Record<PropertyKey, unknown>;
  return { ...fields, [key]: withValue(fields[key], rest, value) };
}
