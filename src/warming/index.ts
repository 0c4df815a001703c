import { inZone } from "../cache/zones.ts";
import { openAccess, type WarmAccess } from "./access.ts";
import type { PlanHead } from "./head.ts";
import { openJournal, readJournal, writePlan } from "./journal.ts";
import { planResult } from "./outcome.ts";
import { planWarming } from "./plan/plan-warming.ts";
import type { WarmDeps, WarmRequest } from "./request.ts";
import type { CacheWarmResult } from "./result.ts";
import { carryOut } from "./run/carry-out.ts";
import { candidatesOf } from "./source.ts";

/**
 * Warms a cluster's cache: chooses queries, predicts the hit rate, answers and stores them at a rate that store and cache can bear, and measures the hit rate on the held-out part of the
 * log. What stopped goes on by `resumeWarm`.
 * @throws RagctlError exit 2 for what is wrong with the request, 3 where store, embedder or cache cannot be reached, or not for half a minute
 */
export async function warm(request: WarmRequest, deps: WarmDeps): Promise<CacheWarmResult> {
  const access = await accessFor(request, deps);
  try {
    const candidates = await candidatesOf(request.source, {
      ...deps.runtime,
      stdin: deps.runtime.stdin.stream,
      popularity: access.popularity,
    });
    const { head, queries } = await planWarming(request, candidates, access, deps);
    const run = await deps.begin(head.plan, head.notes);
    if (!run) return planResult(head, deps.cluster.name, access.name);
    writePlan(run.dir, head, queries);
    return await carryOut({ head, queries, done: new Map(), ...run }, access, deps);
  } finally {
    await access.close();
  }
}

/**
 * Goes on with an earlier run, from its directory, as a run of its own. What was stored stays; what failed is tried again.
 * @param dir of the earlier run
 */
export async function resumeWarm(dir: string, deps: WarmDeps): Promise<CacheWarmResult> {
  const { head: said, lines, done } = readJournal(dir);
  const head = said as PlanHead;
  const { request } = head;
  const access = await accessFor(request, deps);
  try {
    const run = await deps.begin(head.plan, head.notes);
    if (!run) return planResult(head, deps.cluster.name, access.name);
    writePlan(run.dir, head, lines);
    const journal = openJournal(run.dir, deps.warn);
    for (const [index, state] of done) journal.done(index, state);
    journal.close();
    return await carryOut({ head, queries: lines as string[], done, ...run }, access, deps);
  } finally {
    await access.close();
  }
}

/** The cluster that a run warms. @throws RagctlError exit 2 where it is no warming */
export function clusterOfRun(dir: string): string {
  return (readJournal(dir).head as PlanHead).cluster;
}

async function accessFor({ zone, through, pace }: WarmRequest, { cluster, runtime }: WarmDeps): Promise<WarmAccess> {
  return await openAccess(inZone(cluster, zone), through, { ...runtime, maxInFlight: pace.maxInFlight });
}
