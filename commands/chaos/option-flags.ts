import { z } from "zod";
import { durationMs, fraction, ratePerSec, sizeBytes } from "../../src/config/schema.ts";
import type { OptionsSchema } from "../../src/faults/contract.ts";
import type { Flags, FlagSpec } from "../flags.ts";

/** What zod says of a schema, as far as flags need it. */
interface Definition {
  type: string;
  innerType?: z.ZodType;
  defaultValue?: unknown;
  entries?: Record<string, string | number>;
  element?: z.ZodType;
}

const units: readonly (readonly [z.ZodType, string])[] = [
  [durationMs, "duration"],
  [fraction, "fraction"],
  [ratePerSec, "rate"],
  [sizeBytes, "size"],
];

/**
 * A fault's options as flags: `delayMs: durationMs.describe("…")` → `--delay-ms <duration>`. Each value is checked against its
 * key's schema, so that a mistake is reported beside those of other flags, and is passed on as it was written: the
 * fault's schema parses it, for profiles and for flags alike.
 */
export function optionFlags({ shape }: Pick<OptionsSchema<unknown>, "shape">): Flags {
  return Object.fromEntries(Object.entries(shape).map(([key, schema]) => [key, flagOf(schema as z.ZodType)]));
}

function flagOf(schema: z.ZodType): FlagSpec<unknown> {
  const { inner, fallback, optional } = unwrap(schema);
  const definition = definitionOf(inner);
  const description = `${describe(schema)}${fallback === undefined ? "" : ` (default: ${text(fallback)})`}`;
  const common = { placeholder: placeholderOf(schema, inner), description, required: !optional };
  if (definition.type === "boolean") return { ...common, kind: "boolean", parse: () => true, required: false };
  if (definition.type === "array")
    return { ...common, kind: "list", parse: (text) => text.split(",").map((part) => checked(definition.element!, part.trim())) };
  return { ...common, kind: "value", parse: (text) => checked(inner, text) };
}

/** @throws Error, a plain sentence, where the schema takes neither the text nor the number that it spells */
function checked(schema: z.ZodType, text: string): unknown {
  const value = definitionOf(schema).type === "number" && text.trim() !== "" ? Number(text) : text;
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new Error(parsed.error.issues.map(({ message }) => message).join("; "));
  return value;
}

function unwrap(schema: z.ZodType): { inner: z.ZodType; fallback: unknown; optional: boolean } {
  let inner = schema;
  let fallback: unknown;
  let optional = false;
  for (;;) {
    const { type, innerType, defaultValue } = definitionOf(inner);
    if (!innerType) return { inner, fallback, optional };
    if (["optional", "default", "prefault", "nullable"].includes(type)) optional = true;
    if (type === "prefault") fallback = defaultValue;
    if (type === "default") fallback = z.encode(innerType, defaultValue);
    inner = innerType;
  }
}

function placeholderOf(schema: z.ZodType, inner: z.ZodType): string {
  const said = schema.meta()?.["placeholder"] ?? inner.meta()?.["placeholder"];
  if (typeof said === "string") return said;
  // A described schema is another object over the same definition.
  const unit = units.find(([known]) => known._zod.def === inner._zod.def);
  if (unit) return unit[1];
  const { type, entries, element } = definitionOf(inner);
  if (entries) return Object.values(entries).join("|");
  if (element) return `${placeholderOf(element, element)},…`;
  return type === "number" ? "n" : "text";
}

function describe(schema: z.ZodType): string {
  for (let each: z.ZodType | undefined = schema; each; each = definitionOf(each).innerType)
    if (each.description) return each.description;
  return "";
}

function definitionOf(schema: z.ZodType): Definition {
  return schema._zod.def;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
