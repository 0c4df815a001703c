import type { WarmAccess } from "../access.ts";
import type { PlanHead } from "../head.ts";
import { openJournal } from "../journal.ts";
import { outcomeResult, planResult, tally, withEarlier } from "../outcome.ts";
import { replayed } from "../replay-held.ts";
import type { WarmDeps } from "../request.ts";
import type { CacheWarmResult } from "../result.ts";
import type { ItemState, WarmCache } from "./contract.ts";
import { execute } from "./execute.ts";

const minPerSec = 5;

interface RunParts {
  head: PlanHead;
  queries: readonly string[];
  done: ReadonlyMap<number, ItemState>;
  runId: string;
  dir: string;
}

/** Stores what is left of a plan, and measures the hit rate afterwards. */
export async function carryOut(
  { head, queries, done, runId, dir }: RunParts,
  access: WarmAccess,
  { runtime, warn, onProgress }: Omit<WarmDeps, "begin">,
): Promise<CacheWarmResult> {
  const { clock, rng, signal, hardSignal } = runtime;
  const { pace, limits } = head.request;
  const journal = openJournal(dir, warn);
  const earlier = tally(done);
  try {
    const outcome = await execute(
      {
        items: queries.flatMap((query, index) => (done.has(index) ? [] : [{ index, query }])),
        pace: { ...pace, minPerSec },
        objectiveUs: head.objective.ms * 1000,
        maxInFlight: pace.maxInFlight,
        ...(limits.timeMs !== undefined && { timeMs: limits.timeMs }),
      },
      {
        backend: access.backend,
        cache: access.cache ?? unseenCache,
        clock,
        rng,
        signal,
        hardSignal,
        onDone: (index, state) => journal.done(index, state),
        onWindow(progress) {
          journal.flush();
          onProgress?.(withEarlier(progress, earlier));
        },
      },
    );
    const after = outcome.stopped === "interrupted" ? null : await replayed(head.heldOut, queries, access, hardSignal);
    return {
      ...planResult(head, head.cluster, access.name),
      ...outcomeResult(outcome, earlier, head),
      runId,
      dryRun: false,
      after,
      achievedHitRate: after?.hitRate ?? null,
    };
  } finally {
    journal.close();
  }
}

/** Where nothing can be looked up, nothing is fresh. */
const unseenCache: WarmCache = {
  look: (queries) => Promise.resolve(queries.map(() => ({ fresh: false }))),
  store: () => Promise.resolve(),
  evictions: () => Promise.resolve(undefined),
};
