import type { ScenarioSpec } from "./contract.ts";
import type { MeasuredResult } from "./measurement.ts";
import type { LoadResult } from "./result.ts";

const hoursPerMonth = 730;

/**
 * What each cache of a run was worth: a row for each scenario of cached searches, so that they stand side by side.
 * @param ranMs of the measured part, less than planned where the run was interrupted
 */
export function cachingOf(
  scenarios: readonly ScenarioSpec[],
  measured: MeasuredResult,
  ranMs: number,
): NonNullable<LoadResult["caching"]> {
  return scenarios.flatMap(({ name, tags, operation, executor }) => {
    if (operation.kind !== "cached-search") return [];
    const { counts, responseTimeUs, times, said } = figuresOf(name, measured);
    const of = (outcome: string) => said[outcome] ?? 0;
    const hits = of("hit") + of("near-hit") + of("memory-hit");
    const calls = times.find((time) => time.name === "backend");
    const failures = calls?.never ?? 0;
    const backendCalls = (calls?.timeUs.n ?? 0) + failures;
    const { servers, price, monthly, plusMs, cache } = operation;
    const cost = backendCalls * price;
    const lengthMs = Math.min(executor.durationUs / 1000, ranMs - (executor.startUs ?? 0) / 1000);
    return [
      {
        scenario: name,
        tags,
        driver: cache.driver,
        servers,
        requests: counts.ok,
        hits,
        nearHits: of("near-hit"),
        shared: of("shared"),
        hitRate: counts.ok === 0 ? 0 : hits / counts.ok,
        backendCalls,
        backendFailures: failures,
        backendTimeUs: calls?.timeUs ?? null,
        backendPlusMs: plusMs,
        responseTimeUs,
        price,
        cost,
        monthly,
        costPerMonth: lengthMs > 0 ? (cost / (lengthMs / 3_600_000)) * hoursPerMonth + monthly : null,
      },
    ];
  });
}

/** Of the only scenario the whole run's figures, which are told once. */
function figuresOf(name: string, measured: MeasuredResult) {
  const { perScenario, perCache, counts, responseTimeUs, times } = measured;
  const part = perScenario.find((each) => each.name === name);
  if (part) return { ...part, said: part.cache ?? {} };
  const said = Object.fromEntries(perCache.map(({ outcome, responseTimeUs }) => [outcome, responseTimeUs.n]));
  return { counts, responseTimeUs, times, said: said as Record<string, number> };
}
