import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { clusterLine, resolveCluster } from "../../src/config/resolve.ts";
import type { ClusterConfig } from "../../src/config/schema.ts";
import { usageError, type Problem } from "../../src/errors.ts";
import type { OperationSpec, SearchOperationSpec, ThresholdInput } from "../../src/load/contract.ts";
import type { ChosenTarget } from "../../src/load/targets/http.ts";
import type { Runtime } from "../../src/runtime.ts";
import { confirmProtected } from "../confirm.ts";
import type { CommandContext } from "../define.ts";
import { flag, type FlagValues } from "../flags.ts";

/** What load goes to: a cluster's collection, or any HTTP server. */
export const targetFlags = {
  collection: flag.collection({ description: "collection to search (default: the config's, or the only one)" }),
  k: flag.positive({ description: "hits per search", default: 10 }),
  ef: flag.positive({ description: "hnsw_ef of each search" }),
  queries: flag.file({ description: "JSONL of vector or text (default: the collection's own points)" }),
  consistency: flag.choice(["one", "quorum", "all"], { description: "owners that must be asked (default: the config's)" }),
  allowPartial: flag.boolean({ description: "an answer that misses part of the collection counts as ok" }),
  url: flag.string({ description: "any HTTP target instead of a cluster", placeholder: "url" }),
  method: flag.string({ description: "GET, POST, … (default: POST with a body, else GET)", placeholder: "method" }),
  body: flag.file({ description: "file that each request carries" }),
  header: flag.repeated({ description: '"Name: value"; may be given again', placeholder: "header" }),
  seed: flag.count({ description: "repeats the choice of queries", default: 1 }),
  confirm: flag.string({ description: "the name of a protected cluster, where nobody can be asked", placeholder: "name" }),
};

type Values = FlagValues<typeof targetFlags>;

const ofClusters = {
  collection: "collection",
  k: "k",
  ef: "ef",
  queries: "queries",
  allowPartial: "allow-partial",
  consistency: "consistency",
  confirm: "confirm",
};
const ofUrls = { method: "method", body: "body", header: "header" };

/** Flags of one kind of target make no sense with the other. */
export function targetProblems(given: ReadonlySet<string>): Problem[] {
  const isUrl = given.has("url");
  return Object.entries(isUrl ? ofClusters : ofUrls)
    .filter(([name]) => given.has(name))
    .map(([, name]) => ({ path: `--${name}`, message: isUrl ? "is for clusters, and --url is none" : "needs --url" }));
}

export interface Target extends ChosenTarget<OperationSpec> {
  cluster?: ClusterConfig;
}

/** An HTTP target from flags. */
export async function urlTarget(flags: Values, runtime: Runtime): Promise<Target> {
  const { httpTarget } = await import("../../src/load/targets/http.ts");
  const body = flags.body === undefined ? undefined : { file: flags.body, bytes: await readInput(runtime, "--body", flags.body) };
  return httpTarget({ url: flags.url!, method: flags.method, headers: flags.header, body });
}

/**
 * The cluster of the config, at the consistency that is wanted; a protected one asks first.
 * @param blast what its name is asked for: `load of 500/s`; undefined where it need not be
 */
export async function loadedCluster(
  { confirm, consistency }: Pick<Values, "confirm" | "consistency">,
  context: CommandContext,
  blast: (cluster: ClusterConfig) => string | undefined,
): Promise<ClusterConfig> {
  const { runtime, globals, note } = context;
  const cluster = await resolveCluster(runtime, globals);
  note(clusterLine(runtime, cluster));
  const doing = cluster.protected ? blast(cluster) : undefined;
  if (doing !== undefined) await confirmProtected(context, cluster, doing, confirm);
  return consistency === undefined ? cluster : { ...cluster, routing: { ...cluster.routing, consistency } };
}

/**
 * A cluster's collection from flags.
 * @param blast what a protected cluster's name is asked for: `load of 500/s`; undefined where it need not be
 */
export async function clusterTarget(
  flags: Values,
  context: CommandContext,
  blast: (cluster: ClusterConfig) => string | undefined,
): Promise<Target & { operation: SearchOperationSpec; cluster: ClusterConfig }> {
  const { runtime } = context;
  const cluster = await loadedCluster(flags, context, blast);
  const [{ searchTarget }, { parseQueries }] = await Promise.all([
    import("../../src/load/targets/search.ts"),
    import("../../src/load/feeds/query-file.ts"),
  ]);
  const file = flags.queries;
  const queries =
    file === undefined
      ? undefined
      : { file, list: parseQueries((await readInput(runtime, "--queries", file)).toString("utf8"), file) };
  const { collection, k, ef, allowPartial: partialIsOk, seed } = flags;
  const { clock, rng, cwd, signal } = runtime;
  const chosen = await searchTarget({ cluster, collection, k, ef, queries, partialIsOk, seed }, { clock, rng, cwd, signal });
  return { ...chosen, cluster };
}

/**
 * The same search with ground truth, where thresholds or `--recall` want it judged.
 * @param samples of `--recall`; undefined: only where a threshold names recall
 */
export async function withRecall(
  operation: SearchOperationSpec,
  { thresholds, samples, seed }: { thresholds: readonly ThresholdInput[]; samples: number | undefined; seed: number },
  { runtime, warn, progress }: CommandContext,
): Promise<SearchOperationSpec> {
  const { defaultRecallSamples, prepareRecall, recallKsOf } = await import("../../src/load/recall/index.ts");
  const ks = recallKsOf(thresholds, operation.k, samples !== undefined);
  if (ks.length === 0) return operation;
  const { clock, rng, cwd, stateDir, pid, signal } = runtime;
  const task = progress.start("ground truth", { unit: "queries" });
  try {
    const onProgress = (done: number) => task.update(done);
    const recall = await prepareRecall(
      operation,
      { samples: samples ?? defaultRecallSamples, ks, seed },
      { clock, rng, cwd, stateDir, pid, signal, warn, onProgress },
    );
    return { ...operation, recall };
  } finally {
    task.end();
  }
}

async function readInput(runtime: Runtime, path: string, file: string): Promise<Buffer> {
  try {
    return await readFile(resolve(runtime.cwd, file));
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    throw usageError([{ path, message: `${file} cannot be read${code ? ` (${code})` : ""}` }]);
  }
}
