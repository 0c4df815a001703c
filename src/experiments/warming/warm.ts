import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cacheOfZone } from "../../cache/zones.ts";
import type { CacheConfig, ClusterConfig } from "../../config/schema.ts";
import { chooser } from "../../load/feeds/choice.ts";
import { choiceOf } from "../../load/feeds/source.ts";
import type { ScenarioProfile } from "../../load/profile/schema.ts";
import type { WarmRequest } from "../../warming/request.ts";
import type { CacheWarmResult } from "../../warming/result.ts";
import type { ExperimentDeps } from "../contract.ts";
import { ownCollection, type PreparedExperiment } from "../prepare.ts";
import type { WarmStep } from "../profile/step.ts";
import type { Warming } from "../result.ts";

const startPerSec = 20;
const maxInFlight = 32;
/** Questions that the result is judged by. */
const mostJudged = 500;
/** Between one scenario's seed and the next one's (`load/profile/compile.ts`). */
const seedStep = 1_000_003;

export interface WarmParts {
  prepared: PreparedExperiment;
  /** Of the load's own keys. */
  tag: string;
  /** Of the run. */
  dir: string;
  /** How many operations of that scenario were due so far. */
  asked: (scenario: string) => number;
  deps: Pick<ExperimentDeps, "runtime" | "warn" | "warm">;
}

/**
 * Fills the cache of a zone with what a scenario's lookups have asked so far: searches of the collection under test, stored under the load's own keys, so that its next lookups find them.
 * @param signal nobody waits for it any more
 * @throws RagctlError as `warm`
 */
export async function warmStep(step: WarmStep, parts: WarmParts, signal: AbortSignal): Promise<Warming> {
  const { prepared, dir, asked, deps } = parts;
  const { scenario, zone, top, ratePerSec } = step;
  const own = join(dir, "warming");
  mkdirSync(own, { recursive: true });
  const questions = questionsOf(prepared, scenario);
  const soFar = asked(scenario);
  // What comes a good while later judges: what was asked a moment ago is in the cache by itself.
  const later = Array.from({ length: Math.min(soFar, mostJudged) }, (_, at) => questions(2 * soFar + at));
  const counts = Map.groupBy(
    Array.from({ length: soFar }, (_, at) => questions(at)),
    (each) => each,
  );
  const file = join(own, "asked.csv");
  const replayLog = join(own, "later.jsonl");
  writeFileSync(file, ["query,count", ...[...counts].map(([query, all]) => `${query},${all.length}`), ""].join("\n"), {
    mode: 0o600,
  });
  writeFileSync(replayLog, later.map((query) => `${JSON.stringify({ query })}\n`).join(""), { mode: 0o600 });
  const collection = prepared.setup ? ownCollection : searchedIn(prepared);
  const request: WarmRequest = {
    source: { kind: "file", file, replayLog },
    through: { kind: "cluster", k: 10, ...(collection !== undefined && { collection }) },
    limits: { ...(top !== undefined && { top }) },
    rankBy: "hits",
    prices: { tokens: 0, query: 0, tokensPerQuery: 0 },
    pace: { startPerSec: Math.min(startPerSec, ratePerSec), maxPerSec: ratePerSec, maxInFlight, guard: true },
  };
  const result = await deps.warm(request, {
    cluster: clusterOf(parts, step),
    runtime: { ...deps.runtime, signal, hardSignal: signal },
    warn: deps.warn,
    begin: () => Promise.resolve({ runId: scenario, dir: own }),
  });
  return warmingOf(result, zone);
}

/** The load chooses by index and seed alone: what it has asked, and will ask, can be told. */
function questionsOf({ load: { profile } }: PreparedExperiment, name: string): (index: number) => string {
  const at = Object.keys(profile.scenarios).indexOf(name);
  const { operation, feed } = profile.scenarios[name]!;
  if (operation.kind !== "cache") throw new Error(`${name} looks nothing up`);
  const choose = chooser(choiceOf(feed), operation.keys, profile.seed + at * seedStep);
  return (index) => String(choose(index));
}

/** The cluster with that zone's cache, under the load's keys, and an embedder that fits the collection. */
function clusterOf({ prepared, tag }: WarmParts, { scenario, zone }: WarmStep): ClusterConfig {
  const { cluster, setup, load } = prepared;
  const { corpusVersion: _, ...cache } = cacheOfZone(cluster.cache!, zone);
  const { operation } = load.profile.scenarios[scenario]!;
  const ttl = operation.kind === "cache" ? operation.ttl : cache.resultTtl;
  const keys: CacheConfig["keys"] = { result: `load:${tag}:{query}`, embedding: `load:${tag}:embedding:{query}` };
  return {
    ...cluster,
    cache: { ...cache, driver: "redis", keys, format: "raw", compression: "off", resultTtl: ttl, embeddingTtl: ttl },
    ...(setup && { embedder: { driver: "hashing", dim: setup.dim } }),
  };
}

function searchedIn({ load: { profile } }: PreparedExperiment): string | undefined {
  const search = Object.values(profile.scenarios).find(isSearch);
  return search?.operation.kind === "search" ? search.operation.collection : undefined;
}

function isSearch({ operation }: ScenarioProfile): boolean {
  return operation.kind === "search";
}

function warmingOf(result: CacheWarmResult, zone: string | undefined): Warming {
  const { planned, warmed, skipped, failed, left, before, after, predictedHitRate, elapsedMs } = result;
  return {
    zone: zone ?? null,
    planned,
    warmed,
    skipped,
    failed,
    left,
    hitRateBefore: before?.hitRate ?? null,
    hitRateAfter: after?.hitRate ?? null,
    predictedHitRate,
    elapsedMs,
  };
}
