import type { CountedQuery, QueryLog, Sum } from "../contract.ts";

/** A log cut in two by time: what the plan is made from, and what it is judged by. */
export interface SplitLog {
  training: CountedQuery[];
  /** Most often asked first. */
  heldOut: CountedQuery[];
  trainingReferences: number;
  heldOutReferences: number;
}

/**
 * The last part of a log is held out: what comes is judged by what was, as it is in production; a random part would know of tomorrow.
 * @param share of the references to hold out, 0 ≤ share < 1
 */
export function splitLog({ queries, references, told }: QueryLog, share: number): SplitLog {
  const heldOutReferences = Math.min(references.length - 1, Math.round(references.length * share));
  const cut = references.length - heldOutReferences;
  const counted = (from: number, to: number): CountedQuery[] => {
    const counts = new Float64Array(queries.length);
    for (let at = from; at < to; at++) counts[references[at]!]!++;
    return [...counts.entries()]
      .flatMap(([index, count]) => (count === 0 ? [] : [{ query: queries[index]!, count, ...toldOf(told.get(index)) }]))
      .toSorted((a, b) => b.count - a.count);
  };
  return { training: counted(0, cut), heldOut: counted(cut, references.length), trainingReferences: cut, heldOutReferences };
}

function toldOf(told: Record<"latencyMs" | "tokens" | "money", Sum> | undefined): Pick<CountedQuery, "told"> {
  if (!told) return {};
  const means = Object.entries(told).flatMap(([name, { total, rows }]) => (rows > 0 ? [[name, total / rows] as const] : []));
  return { told: Object.fromEntries(means) };
}
