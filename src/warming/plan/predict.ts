import type { PlanFacts, RankedQuery } from "../contract.ts";

export interface Prediction {
  /** Of the questions that come, those that the warmed cache answers. */
  hitRate: number;
  /** One standard error of how far the held-out part's hit rate may lie from it: of both samples being samples. */
  error: number;
  /** Of the hit rate, what is lost because entries expire before the last one is stored. */
  expired: number;
  /** Expected of a thousand questions. */
  savedPer1000: { latencyMs: number; tokens: number; money: number };
}

/**
 * The share of questions that a cache answers which holds just these, asked when the last one has been stored. Entry i of m is stored at i ÷ m of the time that warming takes, and lives
 * for its TTL less a jitter, uniform up to a share of it.
 * @param planned in the order in which they are stored
 */
export function predict(
  planned: readonly RankedQuery[],
  {
    durationMs,
    trainingReferences,
    heldOutReferences,
  }: { durationMs: number; trainingReferences: number; heldOutReferences: number },
  { ttlMs, ttlJitter }: Pick<PlanFacts, "ttlMs" | "ttlJitter">,
): Prediction {
  let [hitRate, expired] = [0, 0];
  const saved = { latencyMs: 0, tokens: 0, money: 0 };
  for (const [at, { probability, saving }] of planned.entries()) {
    const ageMs = durationMs * (1 - (at + 1) / planned.length);
    const alive = aliveAt(ageMs, ttlMs, ttlJitter);
    hitRate += probability * alive;
    expired += probability * (1 - alive);
    for (const name of ["latencyMs", "tokens", "money"] as const) saved[name] += 1000 * probability * alive * saving[name];
  }
  const spread = Math.min(1, hitRate) * Math.max(0, 1 - hitRate);
  const error = Math.sqrt(spread * (inverse(trainingReferences) + inverse(heldOutReferences)));
  return { hitRate: Math.min(1, hitRate), error, expired, savedPer1000: saved };
}

function inverse(count: number): number {
  return count > 0 ? 1 / count : 0;
}

/** The chance that an entry of this age has not expired: its TTL is uniform between ttl × (1 − jitter) and ttl. */
export function aliveAt(ageMs: number, ttlMs: number, jitter: number): number {
  const least = ttlMs * (1 - jitter);
  if (ageMs <= least) return ageMs >= ttlMs ? 0 : 1;
  return ageMs >= ttlMs ? 0 : (ttlMs - ageMs) / (ttlMs - least);
}
