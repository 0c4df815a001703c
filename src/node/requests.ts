import { badFormat, notImplemented, outOfRange } from "./fault.ts";

export type Body = Record<string, unknown>;

/** The body of a request as an object; 400 in Qdrant's words where it is not one. */
export function parseBody(text: unknown): Body {
  let value: unknown;
  try {
    value = JSON.parse(typeof text === "string" ? text : "");
  } catch (error) {
    throw badFormat((error as Error).message);
  }
  return asObject(value, "the body");
}

export function asObject(value: unknown, what: string): Body {
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw badFormat(`${what} must be an object`);
  return value as Body;
}

export function asArray(value: unknown, what: string): unknown[] {
  if (!Array.isArray(value)) throw badFormat(value === undefined ? `missing field \`${what}\`` : `${what} must be a list`);
  return value as unknown[];
}

/** Refuses every field that is given and neither implemented nor without influence on the answer: 501, never silence. */
export function checkFields(body: Body, known: ReadonlySet<string>, what: string): void {
  for (const name in body) {
    if (!known.has(name) && body[name] !== null && body[name] !== undefined)
      throw notImplemented(`the field "${name}" of ${what} (it knows ${[...known].join(", ")})`);
  }
}

/** A whole number of at least `min`, or the fallback where it is absent. */
export function wholeNumber(body: Body, name: string, fallback: number, min: number): number {
  const value = body[name];
  if (value === undefined || value === null) return fallback;
  if (typeof value !== "number" || !Number.isInteger(value)) throw badFormat(`${name} must be an integer`);
  if (value < min) throw outOfRange(name, `value ${value} invalid, must be ${min} or larger`);
  return value;
}

export function optionalNumber(body: Body, name: string): number | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "number") throw badFormat(`${name} must be a number`);
  return value;
}

export function flag(body: Body, name: string): boolean {
  const value = body[name];
  if (value === undefined || value === null) return false;
  if (typeof value !== "boolean") throw badFormat(`${name} must be a boolean`);
  return value;
}

export function text(body: Body, name: string): string {
  const value = body[name];
  if (typeof value !== "string") throw badFormat(`${name} must be a string`);
  return value;
}
