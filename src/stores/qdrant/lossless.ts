/**
 * JSON.parse rounds integers beyond 2^53; a payload that is read on one node and written on another must not be. Where a
 * text has such an integer, it comes back as a `JSON.rawJSON` object, opaque, which JSON.stringify prints digit for digit.
 */
export function parseLossless(text: string): unknown {
  return mayLoseDigits.test(text) ? (JSON as unknown as JsonWithSource).parse(text, keepLargeIntegers) : JSON.parse(text);
}

/** Sixteen digits or more between what may stand around a number: an integer then, and not inside a fraction. */
const mayLoseDigits = /[[:,]\s*-?\d{16,}\s*[\],}]/;

/** ES2026 "JSON.parse source text access": in V8, and so in Node, since 21; not in TypeScript's lib yet. */
interface JsonWithSource {
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown;
  rawJSON(text: string): unknown;
}

function keepLargeIntegers(_key: string, value: unknown, { source }: { source?: string }): unknown {
  const lost =
    typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value) && /^-?\d+$/.test(source ?? "");
  return lost ? (JSON as unknown as JsonWithSource).rawJSON(source!) : value;
}
