import type { PointId } from "../stores/contract.ts";
import { isEmpty, parseMatch, parseRange, type ValueTest } from "./conditions.ts";
import { badFormat, notImplemented } from "./fault.ts";
import { parsePointId } from "./ids.ts";

/** Where a compiled filter looks: points are known by their label, a small integer. */
export interface FilterSource {
  /** A function from label to the value under a payload key (see `valueAt`). */
  reader(key: string): (label: number) => unknown;
  labelOf(id: PointId): number | undefined;
}

export type Predicate = (label: number) => boolean;

/**
 * Qdrant's filter → a predicate. Every condition it does not know is refused (501), so that no answer is silently wrong.
 * @returns undefined where the filter accepts everything
 */
export function compileFilter(filter: unknown, source: FilterSource): Predicate | undefined {
  if (filter === undefined || filter === null) return undefined;
  if (typeof filter !== "object" || Array.isArray(filter)) throw badFormat("filter must be an object");
  const tests: Predicate[] = [];
  for (const [clause, value] of Object.entries(filter) as [string, unknown][]) {
    if (!["must", "should", "must_not"].includes(clause)) {
      if (value === null && clause === "min_should") continue;
      throw clause === "min_should" ? notImplemented("min_should") : badFormat(`unknown field \`${clause}\` of filter`);
    }
    if (value === null) continue;
    const conditions = (Array.isArray(value) ? (value as unknown[]) : [value]).map((one) => compileCondition(one, source));
    if (clause === "must") tests.push(...conditions);
    else if (clause === "must_not") tests.push(...conditions.map(negate));
    else if (conditions.length > 0) tests.push((label) => conditions.some((test) => test(label)));
  }
  if (tests.length === 0) return undefined;
  return tests.length === 1 ? tests[0] : (label) => tests.every((test) => test(label));
}

function negate(test: Predicate): Predicate {
  return (label) => !test(label);
}

function compileCondition(condition: unknown, source: FilterSource): Predicate {
  if (condition === null || typeof condition !== "object" || Array.isArray(condition))
    throw badFormat("a filter condition must be an object");
  const fields = Object.entries(condition).filter(([, value]) => value !== null) as [string, unknown][];
  const given = new Map(fields);
  if (given.has("key")) return compileField(given, source);
  if (fields.every(([name]) => ["must", "should", "must_not", "min_should"].includes(name)))
    return compileFilter(condition, source) ?? (() => true);
  const [name, value] = fields[0]!;
  if (fields.length === 1 && name === "has_id") {
    if (!Array.isArray(value)) throw badFormat("has_id must be a list of point ids");
    const labels = new Set(value.map((id) => source.labelOf(parsePointId(id))));
    return (label) => labels.has(label);
  }
  if (fields.length === 1 && name === "is_empty") {
    const read = source.reader(keyOf((value as { key?: unknown } | null)?.key));
    return (label) => isEmpty(read(label));
  }
  throw notImplemented(`the filter condition ${JSON.stringify(fields.map(([field]) => field).join(", "))}`);
}

function compileField(given: Map<string, unknown>, source: FilterSource): Predicate {
  const read = source.reader(keyOf(given.get("key")));
  const tests: ValueTest[] = [];
  for (const [name, value] of given) {
    if (name === "key") continue;
    if (name === "match") tests.push(parseMatch(value));
    else if (name === "range") tests.push(parseRange(value));
    else if (name === "is_empty") tests.push(value === true ? isEmpty : (found) => !isEmpty(found));
    else throw notImplemented(`the field condition "${name}" (it knows match, range and is_empty)`);
  }
  if (tests.length === 0) throw badFormat("a field condition needs one of match, range, is_empty");
  if (tests.length > 1) throw notImplemented("several conditions on one key in one object (give each an object of its own)");
  const test = tests[0]!;
  return (label) => test(read(label));
}

function keyOf(key: unknown): string {
  if (typeof key !== "string" || key === "") throw badFormat("a condition names its payload key as a string");
  return key;
}
