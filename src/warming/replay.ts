import type { CountedQuery } from "./contract.ts";

/** What replaying a log without filling the cache came to. */
export interface Replay {
  references: number;
  hits: number;
  hitRate: number;
  /** Of all references, hits on queries of the plan. */
  plannedHitRate: number;
}

const atOnce = 64;

/**
 * Asks the cache for each query of a log, and stores nothing: so each distinct query hits always or never, and is asked for once.
 * @param isHeld whether the cache has a result of it
 */
export async function replay(
  log: readonly CountedQuery[],
  { isHeld, planned, signal }: { isHeld: (query: string) => Promise<boolean>; planned: ReadonlySet<string>; signal: AbortSignal },
): Promise<Replay> {
  let [references, hits, plannedHits] = [0, 0, 0];
  for (let from = 0; from < log.length; from += atOnce) {
    signal.throwIfAborted();
    const stretch = log.slice(from, from + atOnce);
    const held = await Promise.all(stretch.map(({ query }) => isHeld(query)));
    for (const [at, { query, count }] of stretch.entries()) {
      references += count;
      if (!held[at]) continue;
      hits += count;
      if (planned.has(query)) plannedHits += count;
    }
  }
  const share = (count: number) => (references > 0 ? count / references : 0);
  return { references, hits, hitRate: share(hits), plannedHitRate: share(plannedHits) };
}
