import type { Candidates } from "../source.ts";
import type { PlanFacts, PlanLimit, PlanLimits, Prices, RankedQuery, Worth } from "../contract.ts";
import { choose } from "./choose.ts";
import { leastTimeMs } from "./duration.ts";
import { goodTuring } from "./good-turing.ts";
import { predict, type Prediction } from "./predict.ts";
import { rank } from "./rank.ts";
import { spread } from "./spread.ts";

export interface WarmPlan {
  /** Worth most first. */
  ranked: RankedQuery[];
  /** In the order in which they are to be stored: the same, with the primaries of the cache taking turns. */
  ordered: RankedQuery[];
  limitedBy: PlanLimit | undefined;
  unseen: number;
  prediction: Prediction;
  leastTimeMs: number;
}

export interface PlanOptions {
  by: Worth;
  prices: Prices;
  limits: PlanLimits;
  facts: PlanFacts;
  /** The primary that holds a query's result; undefined where there is one, or nobody knows. */
  primaryOf?: (query: string) => string;
}

/** What to warm, in which order, and what to expect of it: a pure function of what was asked and what is known. */
export function makePlan(
  { queries, references, heldOutReferences, others, counted }: Candidates,
  { by, prices, limits, facts, primaryOf }: PlanOptions,
): WarmPlan {
  const chances = counted ? goodTuring(queries.map(({ count }) => count)) : { unseen: 0, of: () => 1 / queries.length };
  // Of a sketch's references, those that it does not list are not to be had by warming what it lists.
  const listed = references > 0 ? 1 - others / references : 0;
  const scaled = { unseen: 1 - listed * (1 - chances.unseen), of: (count: number) => chances.of(count) * listed };
  const { chosen, limitedBy } = choose(rank(queries, scaled, { by, facts, prices }), limits, facts);
  const ordered = primaryOf ? spread(chosen, ({ query }) => primaryOf(query)) : chosen;
  const durationMs = chosen.length > 0 ? leastTimeMs(chosen.length, facts.ratePerSec) : 0;
  const prediction = predict(ordered, { durationMs, trainingReferences: references, heldOutReferences }, facts);
  return { ranked: chosen, ordered, limitedBy, unseen: scaled.unseen, prediction, leastTimeMs: durationMs };
}
