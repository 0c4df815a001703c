import { inZone } from "../cache/zones.ts";
import type { ClusterConfig } from "../config/schema.ts";
import type { Runtime } from "../runtime.ts";
import { openAccess, type Through, type WarmAccess } from "./access.ts";
import type { CountedQuery, PlanFacts, PlanLimits, Prices, Worth } from "./contract.ts";
import { openJournal, readJournal, writePlan } from "./journal.ts";
import { makePlan } from "./plan/make.ts";
import { probe } from "./probe.ts";
import { replay, type Replay } from "./replay.ts";
import type { CacheWarmResult, WarmPlanResult } from "./result.ts";
import type { ItemState, RunOutcome, RunProgress, WarmCache } from "./run/contract.ts";
import { execute } from "./run/execute.ts";
import { candidatesOf, type Candidates, type WarmSource } from "./source.ts";

export interface WarmRequest {
  source: WarmSource;
  through: Through;
  limits: PlanLimits;
  rankBy: Worth;
  prices: Prices;
  pace: PaceRequest;
  /** Whose own cache is warmed; undefined: that of all zones without one. */
  zone?: string;
}

interface PaceRequest {
  startPerSec: number;
  maxPerSec: number;
  maxInFlight: number;
  /** False: at the greatest rate, whatever the store or the cache says. */
  guard: boolean;
  /** Of a search; undefined: the cluster's objective, else from what was measured. */
  objectiveMs?: number;
}

export interface WarmDeps {
  cluster: ClusterConfig;
  runtime: Pick<Runtime, "clock" | "rng" | "cwd" | "signal" | "hardSignal" | "stdin">;
  warn: (text: string) => void;
  /**
   * Called with the plan before anything is stored.
   * @returns where the journal is to be; undefined: it is a plan alone
   */
  begin: (plan: WarmPlanResult, notes: readonly string[]) => Promise<{ runId: string; dir: string } | undefined>;
  onProgress?: (progress: RunProgress) => void;
}

/** What a run's directory must hold to go on with. */
interface PlanHead {
  version: 1;
  cluster: string;
  request: WarmRequest;
  plan: WarmPlanResult;
  heldOut: CountedQuery[];
  before: Replay | null;
  objective: Objective;
  notes: string[];
}

interface Objective {
  ms: number;
  from: CacheWarmResult["guard"]["objectiveFrom"];
}

const minPerSec = 5;
/** Without an objective, a search that takes so many times what is usual, and so long at least, is too slow. */
const slowFactor = 5;
const slowAtLeastMs = 25;
const shownQueries = 10;

/**
 * Warms a cluster's cache: chooses queries, predicts the hit rate, answers and stores them at a rate that store and cache can bear, and measures the hit rate on the held-out part of the
 * log. What stopped goes on by `resumeWarm`.
 * @throws RagctlError exit 2 for what is wrong with the request, 3 where store, embedder or cache cannot be reached, or not for half a minute
 */
export async function warm(request: WarmRequest, deps: WarmDeps): Promise<CacheWarmResult> {
  const access = await openAccess(inZone(deps.cluster, request.zone), request.through, {
    ...deps.runtime,
    maxInFlight: request.pace.maxInFlight,
  });
  try {
    const candidates = await candidatesOf(request.source, {
      ...deps.runtime,
      stdin: deps.runtime.stdin.stream,
      popularity: access.popularity,
    });
    const { head, queries } = await planned(request, candidates, access, deps);
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
  const access = await openAccess(inZone(deps.cluster, request.zone), request.through, {
    ...deps.runtime,
    maxInFlight: request.pace.maxInFlight,
  });
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

async function planned(request: WarmRequest, candidates: Candidates, access: WarmAccess, { runtime, cluster }: WarmDeps) {
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

function objectiveOf({ objectiveMs }: PaceRequest, { objectives }: ClusterConfig, answerP50Us: number): Objective {
  if (objectiveMs !== undefined) return { ms: objectiveMs, from: "flag" };
  if (objectives.p99 !== undefined) return { ms: objectives.p99, from: "config" };
  return { ms: Math.max(slowAtLeastMs, (slowFactor * answerP50Us) / 1000), from: "measured" };
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

async function replayed(
  heldOut: readonly CountedQuery[],
  queries: readonly string[],
  access: WarmAccess,
  signal: AbortSignal,
): Promise<Replay | null> {
  // A layer of its own: what this process has in memory, others do not have.
  const reader = heldOut.length > 0 ? await access.openReader() : undefined;
  if (!reader) return null;
  try {
    const isHeld = async (query: string) => (await reader.get("result", query))?.value !== undefined;
    return await replay(heldOut, { isHeld, planned: new Set(queries), signal });
  } finally {
    await reader.close();
  }
}

interface RunParts {
  head: PlanHead;
  queries: readonly string[];
  done: ReadonlyMap<number, ItemState>;
  runId: string;
  dir: string;
}

async function carryOut(
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

type Tally = Record<ItemState, number>;

function tally(done: ReadonlyMap<number, ItemState>): Tally {
  const counts: Tally = { warmed: 0, skipped: 0, failed: 0 };
  for (const state of done.values()) counts[state]++;
  return counts;
}

function withEarlier(progress: RunProgress, earlier: Tally): RunProgress {
  return {
    ...progress,
    done: progress.done + earlier.warmed + earlier.skipped,
    warmed: progress.warmed + earlier.warmed,
    skipped: progress.skipped + earlier.skipped,
  };
}

/** The result as far as the plan goes. */
function planResult({ plan, before, request, objective, notes }: PlanHead, cluster: string, name: string): CacheWarmResult {
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

function outcomeResult(
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
