import { isQueryField, keyFields } from "../../cache/sizing/read/fields.ts";
import { normalizeQuery } from "../../cache/keys.ts";
import type { Saving } from "../contract.ts";

/** One row of a log or a list. */
export interface Row {
  query: string;
  /** How often it was asked, where the row is one of a list; 1 where it does not say. */
  count: number;
  told: Partial<Saving>;
}

const countFields = ["count", "frequency", "freq"];
const savingFields: Record<keyof Saving, readonly string[]> = {
  latencyMs: ["latency_ms", "latencyms", "duration_ms", "durationms", "response_ms", "ms"],
  tokens: ["tokens", "total_tokens", "totaltokens"],
  money: ["cost", "money", "price"],
};

/** The first of a record's fields that holds the text of a query. */
export function queryField(names: readonly string[]): string | undefined {
  return keyFields.log.find((name) => isQueryField(name) && names.includes(name));
}

/**
 * A row from its fields, their names in lower case.
 * @returns a sentence of what is wrong with it
 */
export function rowOf(fields: ReadonlyMap<string, unknown>): Row | string {
  const name = queryField([...fields.keys()]);
  if (name === undefined) return "has no query: expected a field query, question, text, q or prompt";
  const value = fields.get(name);
  if (typeof value !== "string") return `expected words under ${name}, got ${JSON.stringify(value)}`;
  const query = normalizeQuery(value);
  if (query === "") return `${name} is empty`;
  const count = numberOf(fields, countFields);
  if (count !== undefined && !(count > 0)) return `expected a count above zero, got ${JSON.stringify(fields.get("count"))}`;
  const told: Partial<Saving> = {};
  for (const [what, names] of Object.entries(savingFields) as [keyof Saving, readonly string[]][]) {
    const number = numberOf(fields, names);
    if (number !== undefined && !(number >= 0))
      return `expected a number of zero or more under ${names.find((each) => fields.has(each))}`;
    if (number !== undefined) told[what] = number;
  }
  return { query, count: count ?? 1, told };
}

/** NaN where something else stands there; undefined where nothing does. */
function numberOf(fields: ReadonlyMap<string, unknown>, names: readonly string[]): number | undefined {
  const value = names.map((name) => fields.get(name)).find((each) => each !== undefined && each !== null && each !== "");
  if (value === undefined) return undefined;
  return typeof value === "number" ? value : typeof value === "string" ? Number(value) : Number.NaN;
}
