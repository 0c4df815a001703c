import type { WarmAccess } from "../access.ts";
import type { PlanFacts } from "../contract.ts";
import { objectiveOf, type PlanHead } from "../head.ts";
import { probe } from "../probe.ts";
import { replayed } from "../replay-held.ts";
import type { WarmDeps, WarmRequest } from "../request.ts";
import type { WarmPlanResult } from "../result.ts";
import type { Candidates } from "../source.ts";
import { makePlan } from "./make.ts";

const shownQueries = 10;

/** Chooses what to warm, from candidates and from what is measured now; nothing is stored. */
export async function planWarming(
  request: WarmRequest,
  candidates: Candidates,
  access: WarmAccess,
  { runtime, cluster }: Pick<WarmDeps, "runtime" | "cluster">,
): Promise<{ head: PlanHead; queries: string[] }> {
  const { clock, hardSignal: signal } = runtime;
  const { backend, cache, settings, name } = access;
  const probed = await probe(
    candidates.queries.map(({ query }) => query),
    { backend, settings, clock, signal },
  );
  const freeBytes = await cache?.freeBytes();
  const { pace, limits, rankBy, prices, source } = request;
  const facts: PlanFacts = {
    entryBytes: probed.entryBytes ?? 1,
    // What an application stores has a size that is not known here.
    freeBytes: probed.entryBytes === undefined ? undefined : freeBytes,
    ttlMs: settings?.ttlMs.result ?? Infinity,
    ttlJitter: settings?.ttlJitter ?? 0,
    latencyMs: probed.latencyMs,
    ratePerSec: { start: pace.guard ? pace.startPerSec : pace.maxPerSec, max: pace.maxPerSec },
  };
  const primaryOf = cache ? { primaryOf: (query: string) => cache.primaryOf(query) } : {};
  const plan = makePlan(candidates, { by: rankBy, prices, limits, facts, ...primaryOf });
  const queries = plan.ordered.map(({ query }) => query);
  const { prediction } = plan;
  const shown: WarmPlanResult = {
    source: {
      kind: source.kind,
      file: source.kind === "popular" ? null : source.file,
      references: candidates.references,
      distinct: candidates.queries.length,
      heldOut: candidates.heldOutReferences,
    },
    queries: queries.length,
    limitedBy: plan.limitedBy ?? null,
    rankedBy: rankBy,
    unseenShare: Math.min(1, plan.unseen),
    predictedHitRate: candidates.counted ? prediction.hitRate : null,
    predictedError: prediction.error,
    expiredShare: prediction.expired,
    savedPer1000: prediction.savedPer1000,
    entryBytes: probed.entryBytes ?? null,
    bytes: probed.entryBytes === undefined ? null : probed.entryBytes * queries.length,
    freeBytes: freeBytes ?? null,
    latencyMs: probed.latencyMs,
    leastTimeMs: plan.leastTimeMs,
    ttlMs: settings?.ttlMs.result ?? null,
    first: plan.ranked
      .slice(0, shownQueries)
      .map(({ query, count, probability, saving }) => ({ query, count, probability, saving })),
    spread: cache?.sharesOf(queries) ?? [],
  };
  const before = await replayed(candidates.heldOut, queries, access, signal);
  const head: PlanHead = {
    version: 1,
    cluster: cluster.name,
    request,
    plan: shown,
    heldOut: candidates.heldOut,
    before,
    objective: objectiveOf(pace, cluster, probed.answerP50Us),
    notes: notesOf(shown, candidates, name, settings === undefined),
  };
  return { head, queries };
}

function notesOf(
  { expiredShare, limitedBy }: WarmPlanResult,
  { heldOutReferences, counted }: Candidates,
  name: string,
  blind: boolean,
): string[] {
  return [
    ...(limitedBy === "cache"
      ? ["the cache's free memory ends the plan; --budget with a size would let it evict what is there"]
      : []),
    ...(expiredShare > 0.001
      ? ["entries end before the last one is stored: raise cache.resultTtl or --rate, or warm fewer"]
      : []),
    ...(heldOutReferences === 0 ? ["no part of a log is held out: the achieved hit rate is not measured"] : []),
    ...(counted ? [] : ["a plain list says nothing of how often each query is asked: no hit rate is predicted"]),
    ...(blind ? [`the config names no shared cache: what endpoint ${name} caches cannot be seen`] : []),
  ];
}
