import type { CountedQuery, PlanFacts, Prices, RankedQuery, Saving, Worth } from "../contract.ts";
import type { Chances } from "./good-turing.ts";

/**
 * What a hit of this query saves: what its rows of the log told, else what was measured (latency) or said by flags. Money is what the log told, or that of its tokens and
 * of a call.
 */
function savingOf({ told }: CountedQuery, { latencyMs }: Pick<PlanFacts, "latencyMs">, prices: Prices): Saving {
  const tokens = told?.tokens ?? prices.tokensPerQuery;
  return {
    latencyMs: told?.latencyMs ?? latencyMs,
    tokens,
    money: told?.money ?? (tokens / 1e6) * prices.tokens + prices.query,
  };
}

function worthOf({ latencyMs, tokens, money }: Saving, by: Worth): number {
  return { hits: 1, latency: latencyMs, tokens, money }[by];
}

/**
 * Queries by what warming them is expected to save: the chance of the next question being this one × what a hit saves. Ties go to the more frequent, then to what
 * came first.
 */
export function rank(
  queries: readonly CountedQuery[],
  chances: Chances,
  { by, facts, prices }: { by: Worth; facts: Pick<PlanFacts, "latencyMs">; prices: Prices },
): RankedQuery[] {
  return queries
    .map((counted) => {
      const probability = chances.of(counted.count);
      const saving = savingOf(counted, facts, prices);
      return { ...counted, probability, saving, worth: probability * worthOf(saving, by) };
    })
    .toSorted((a, b) => b.worth - a.worth || b.count - a.count);
}
