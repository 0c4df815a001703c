import { badFormat, notImplemented } from "./fault.ts";

/** Whether the value under a key (as `valueAt` gives it) fulfils a condition. */
export type ValueTest = (value: unknown) => boolean;

/** Conditions on an array hold when they hold for one of its elements. */
function anyElement(test: (element: unknown) => boolean): ValueTest {
  return (value) => (Array.isArray(value) ? value.some(test) : value !== undefined && test(value));
}

/** `{value}`, `{any: []}` or `{except: []}`. */
export function parseMatch(match: unknown): ValueTest {
  const entries = match !== null && typeof match === "object" && !Array.isArray(match) ? Object.entries(match) : [];
  if (entries.length !== 1) throw badFormat("match takes exactly one of value, any, except");
  const [kind, wanted] = entries[0]! as [string, unknown];
  if (kind === "value") {
    if (typeof wanted !== "string" && typeof wanted !== "boolean" && !Number.isInteger(wanted))
      throw badFormat("match.value must be a string, an integer or a boolean");
    return anyElement((element) => element === wanted);
  }
  if (kind === "any" || kind === "except") {
    const list = scalarList(kind, wanted);
    const strings = typeof wanted === "object" && typeof (wanted as unknown[])[0] === "string";
    if (kind === "any") return anyElement((element) => list.has(element));
    // As in Qdrant: a missing field or a null is not "something else"; a value of another type is.
    return anyElement((element) =>
      element === null ? false : typeof element === (strings ? "string" : "number") ? !list.has(element) : true,
    );
  }
  throw notImplemented(`the match condition "${kind}" (it knows value, any and except)`);
}

function scalarList(kind: string, list: unknown): Set<unknown> {
  if (!Array.isArray(list) || !(list.every((item) => typeof item === "string") || list.every((item) => Number.isInteger(item))))
    throw badFormat(`match.${kind} must be a list of strings or a list of integers`);
  return new Set(list);
}

/** `{gt, gte, lt, lte}` of numbers; an absent or null bound is none. */
export function parseRange(range: unknown): ValueTest {
  if (range === null || typeof range !== "object" || Array.isArray(range)) throw badFormat("range must be an object");
  const bounds: Record<string, number | undefined> = {};
  for (const [key, bound] of Object.entries(range) as [string, unknown][]) {
    if (!["gt", "gte", "lt", "lte"].includes(key)) throw badFormat(`unknown field \`${key}\` of range`);
    if (typeof bound === "string") throw notImplemented("ranges of dates (numbers only)");
    if (bound !== null && typeof bound !== "number") throw badFormat(`range.${key} must be a number`);
    if (bound !== null) bounds[key] = bound;
  }
  const { gt = Number.NEGATIVE_INFINITY, lt = Number.POSITIVE_INFINITY } = bounds;
  const { gte = Number.NEGATIVE_INFINITY, lte = Number.POSITIVE_INFINITY } = bounds;
  const inside = (element: unknown) =>
    typeof element === "number" && element > gt && element < lt && element >= gte && element <= lte;
  return anyElement(inside);
}

/** Missing, null or an empty array. */
export const isEmpty: ValueTest = (value) =>
  value === undefined || value === null || (Array.isArray(value) && value.length === 0);
