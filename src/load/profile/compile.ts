import { dirname, join } from "node:path";
import { connectCluster } from "../../cluster/index.ts";
import type { ClusterClient } from "../../cluster/contract.ts";
import type { ClusterConfig } from "../../config/schema.ts";
import { createEmbedder } from "../../embed/index.ts";
import { RagctlError, usageError, type Problem } from "../../errors.ts";
import type { Clock, Rng } from "../../runtime.ts";
import { mostUsers } from "../closed/users.ts";
import type { ExecutorSpec, LoadSpec, OperationSpec, ScenarioSpec } from "../contract.ts";
import type { DatasetTruth } from "../recall/dataset-truth.ts";
import type { LoadTarget } from "../result.ts";
import { isClosed } from "../schedules/index.ts";
import { profileThresholds } from "../thresholds/profile.ts";
import { readLogTimes } from "../feeds/replay-log.ts";
import { writtenKeysBytes } from "../mixed/written-keys.ts";
import { executorOf } from "./executor.ts";
import { operationOf, type OperationContext } from "./operation.ts";
import type { ReadProfile } from "./read.ts";
import { peakRate } from "./scale.ts";
import type { Profile, ScenarioProfile } from "./schema.ts";

export interface CompileDeps {
  clock: Clock;
  rng: Rng;
  cwd: string;
  /** What the run's own points are marked with. */
  tag: string;
  signal?: AbortSignal;
}

export interface CompiledProfile {
  spec: LoadSpec;
  target: LoadTarget;
  urls: string[];
  /** Collections that the run writes to: to be cleaned up behind it. */
  writesTo: string[];
  /** By the name of a scenario: the true neighbours that its data set brings. */
  truths: ReadonlyMap<string, DatasetTruth>;
}

/** Whether any scenario needs the cluster of the config. */
export function needsCluster({ scenarios }: Pick<Profile, "scenarios">): boolean {
  return Object.values(scenarios).some(({ operation }) => operation.kind !== "http");
}

/**
 * A profile as a spec that runs: collections resolved, feeds read, texts embedded, query logs read. Nothing is sent but what that takes.
 * @param cluster undefined where no scenario needs one
 * @throws RagctlError exit 2 with what every scenario has wrong, exit 3 where the cluster does not answer
 */
export async function compileProfile(
  { name, file, shownFile, profile }: ReadProfile,
  cluster: ClusterConfig | undefined,
  deps: CompileDeps,
): Promise<CompiledProfile> {
  const client = cluster && (await connectCluster(cluster, { ...deps, purpose: "load" }));
  const written = new Map<string, SharedArrayBuffer>();
  const context: Omit<OperationContext, "scenario"> = {
    dir: dirname(file),
    cluster,
    client,
    cwd: deps.cwd,
    tag: deps.tag,
    seed: profile.seed,
    runSeed: profile.seed,
    clock: deps.clock,
    writtenTo: (collection) => written.get(collection) ?? written.set(collection, writtenKeysBytes()).get(collection)!,
    embed: (texts) => embedded(texts, cluster, deps),
    collection: onceOnly(() => defaultCollection(cluster, client)),
    ...(deps.signal && { signal: deps.signal }),
  };
  try {
    const problems: Problem[] = [];
    const scenarios: ScenarioSpec[] = [];
    const described: { name: string; does: string }[] = [];
    const truths = new Map<string, DatasetTruth>();
    const urls = new Set(cluster?.nodes.map(({ url }) => url));
    for (const [index, [called, scenario]] of Object.entries(profile.scenarios).entries())
      try {
        const seed = profile.seed + index * 1_000_003;
        const offsets =
          scenario.executor === "replay" ? await readLogTimes(join(context.dir, scenario.log), scenario.speed) : undefined;
        const executor = executorOf(scenario, { warmupMs: profile.warmup, seed, offsets });
        const { operation, does, truth } = await operationOf(scenario, { ...context, scenario: called, seed });
        if (operation.kind === "http") urls.add(operation.origin);
        if (operation.kind === "rag") urls.add(new URL(operation.url).origin);
        scenarios.push(scenarioSpec(called, scenario, profile, { executor, operation, seed }));
        if (truth) truths.set(called, truth);
        described.push({ name: called, does: `${scenario.executor}: ${does}` });
      } catch (error) {
        problems.push(...problemsOf(error, called, shownFile));
      }
    if (problems.length > 0) throw usageError(problems, { code: "profile-invalid" });
    return {
      spec: { scenarios, thresholds: profileThresholds(profile.thresholds), seed: profile.seed },
      target: {
        kind: "profile",
        profile: name,
        file: shownFile,
        cluster: cluster?.name ?? null,
        topology: cluster?.topology ?? null,
        nodes: (cluster?.nodes ?? []).map(({ id, url }) => ({ id, url })),
        scenarios: described,
      },
      urls: [...urls],
      truths,
      writesTo: [...new Set(scenarios.flatMap(({ operation }) => (operation.kind === "upsert" ? [operation.collection] : [])))],
    };
  } finally {
    await client?.close();
  }
}

function scenarioSpec(
  name: string,
  scenario: ScenarioProfile,
  profile: Profile,
  parts: { executor: ExecutorSpec; operation: OperationSpec; seed: number },
): ScenarioSpec {
  const { executor } = parts;
  const given = "maxInFlight" in scenario ? scenario.maxInFlight : undefined;
  return {
    name,
    ...parts,
    tags: scenario.tags,
    workers: scenario.workers ?? 1,
    timeoutUs: (scenario.timeout ?? profile.timeout) * 1000,
    maxInFlight: isClosed(executor) ? mostUsers(executor) : (given ?? Math.max(1000, Math.ceil(2 * (peakRate(scenario) ?? 0)))),
  };
}

/** A mistake in one scenario does not hide those of the others; a cluster that does not answer ends it at once. */
function problemsOf(error: unknown, scenario: string, file: string): Problem[] {
  if (!(error instanceof RagctlError) || error.exitCode !== 2) throw error;
  const path = `scenarios.${scenario}`;
  if (!Array.isArray(error.details)) return [{ file, path, message: error.message }];
  return (error.details as Problem[]).map((problem) =>
    problem.file === undefined
      ? { file, path: problem.path === undefined ? path : `${path}.${problem.path}`, message: problem.message }
      : problem,
  );
}

async function embedded(
  texts: readonly string[],
  cluster: ClusterConfig | undefined,
  { clock, rng, signal }: CompileDeps,
): Promise<Float32Array[]> {
  const embedder = await createEmbedder(cluster?.embedder, { clock, rng });
  try {
    return await embedder.embed(texts, signal ? { signal } : {});
  } finally {
    await embedder.close();
  }
}

async function defaultCollection(cluster: ClusterConfig | undefined, client: ClusterClient | undefined): Promise<string> {
  if (cluster?.store.collection !== undefined) return cluster.store.collection;
  const names = (await client?.collections()) ?? [];
  if (names.length === 1) return names[0]!;
  throw usageError([
    {
      path: "operation.collection",
      message:
        names.length === 0
          ? "the cluster has no collection yet; ragctl ingest fills one"
          : `say which (or --collection): the cluster has ${names.join(", ")}`,
    },
  ]);
}

function onceOnly<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}
