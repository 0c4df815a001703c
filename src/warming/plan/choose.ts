import type { PlanFacts, PlanLimit, PlanLimits, RankedQuery } from "../contract.ts";
import { queriesWithin } from "./duration.ts";

export interface Choice {
  chosen: RankedQuery[];
  /** Why there are no more; undefined: all are in it. */
  limitedBy: PlanLimit | undefined;
}

/** Of the cache's free memory a plan takes so much: the rest is for what is asked meanwhile. */
const cacheShare = 0.9;

/**
 * The first of the ranked queries, up to the tightest limit. The cache's free memory is one, unless a budget of bytes is given: then it may evict what is there.
 * @param ranked best first
 */
export function choose(ranked: readonly RankedQuery[], limits: PlanLimits, facts: PlanFacts): Choice {
  const { threshold = 0, bytes } = limits;
  // Counts that forget are never whole.
  const frequent = ranked.filter(({ count }) => Math.round(count) >= threshold);
  const free = facts.freeBytes === undefined ? Infinity : Math.floor((facts.freeBytes * cacheShare) / facts.entryBytes);
  const caps: [PlanLimit, number][] = [
    ["top", limits.top ?? Infinity],
    ["queries", limits.queries ?? Infinity],
    ["bytes", bytes === undefined ? Infinity : Math.floor(bytes / facts.entryBytes)],
    ["time", limits.timeMs === undefined ? Infinity : queriesWithin(limits.timeMs, facts.ratePerSec)],
    ["cache", bytes === undefined ? Math.max(0, free) : Infinity],
  ];
  const [limit, most] = caps.reduce((least, each) => (each[1] < least[1] ? each : least));
  if (most < frequent.length) return { chosen: frequent.slice(0, most), limitedBy: limit };
  return { chosen: frequent, limitedBy: frequent.length < ranked.length ? "threshold" : undefined };
}
