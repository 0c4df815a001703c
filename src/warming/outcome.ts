import type { PlanHead } from "./head.ts";
import type { CacheWarmResult } from "./result.ts";
import type { ItemState, RunOutcome, RunProgress } from "./run/contract.ts";

type Tally = Record<ItemState, number>;

export function tally(done: ReadonlyMap<number, ItemState>): Tally {
  const counts: Tally = { warmed: 0, skipped: 0, failed: 0 };
  for (const state of done.values()) counts[state]++;
  return counts;
}

export function withEarlier(progress: RunProgress, earlier: Tally): RunProgress {
  return {
    ...progress,
    done: progress.done + earlier.warmed + earlier.skipped,
    warmed: progress.warmed + earlier.warmed,
    skipped: progress.skipped + earlier.skipped,
  };
}

/** The result as far as the plan goes. */
export function planResult(
  { plan, before, request, objective, notes }: PlanHead,
  cluster: string,
  name: string,
): CacheWarmResult {
  return {
    runId: null,
    cluster,
    through: { kind: request.through.kind, name },
    dryRun: true,
    planned: plan.queries,
    warmed: 0,
    skipped: 0,
    failed: 0,
    left: plan.queries,
    predictedHitRate: plan.predictedHitRate,
    achievedHitRate: null,
    before,
    after: null,
    retried: { queries: 0, attempts: 0, reasons: [] },
    failures: [],
    stopped: null,
    plan,
    guard: { on: request.pace.guard, objectiveMs: objective.ms, objectiveFrom: objective.from, objections: {}, evicted: 0 },
    pace: [],
    elapsedMs: 0,
    resumed: 0,
    notes,
  };
}

/** What a run adds to that. @param earlier what the runs before it had done of the plan */
export function outcomeResult(
  { warmed, skipped, failed, retried, failures, stopped, series, objections, evicted, elapsedMs }: RunOutcome,
  earlier: Tally,
  head: PlanHead,
) {
  const done = warmed + skipped + failed + earlier.warmed + earlier.skipped;
  return {
    warmed: warmed + earlier.warmed,
    skipped: skipped + earlier.skipped,
    failed,
    left: head.plan.queries - done,
    retried,
    failures,
    stopped,
    guard: {
      on: head.request.pace.guard,
      objectiveMs: head.objective.ms,
      objectiveFrom: head.objective.from,
      objections,
      evicted,
    },
    pace: series,
    elapsedMs,
    resumed: earlier.warmed + earlier.skipped,
  };
}
