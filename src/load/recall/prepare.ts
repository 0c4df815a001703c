import { connectCluster } from "../../cluster/index.ts";
import type { ClusterClient } from "../../cluster/contract.ts";
import { ExitCode, RagctlError, usageError } from "../../errors.ts";
import { seededRng, type Clock, type Rng } from "../../runtime.ts";
import type { CollectionInfo, SearchOptions } from "../../stores/contract.ts";
import type { RecallSpec, SearchOperationSpec } from "../contract.ts";
import { fitTruth, type DatasetTruth } from "./dataset-truth.ts";
import type { ExactTruth } from "./exact.ts";
import { recallAtK } from "./recall.ts";
import { cachedTruth, renewTruth, type TruthKey } from "./truth-cache.ts";

export const defaultRecallSamples = 200;
/** Exact searches read everything: a few at a time, so that asking for the truth is no load test of its own. */
const atOnce = 4;
const exactTimeoutMs = 60_000;
/** Of a cached truth so many are computed again: points may have changed while their number did not. */
const spotChecks = 5;

export interface RecallOptions {
  /** Queries whose truth is computed; the others are not judged. */
  samples: number;
  /** None above the k of the searches. */
  ks: readonly number[];
  /** True neighbours that a data set brings: where they are the collection's, all queries are judged and nothing is computed. */
  known?: DatasetTruth;
  ownPrefix?: string;
  seed: number;
}

export interface RecallDeps {
  clock: Clock;
  rng: Rng;
  cwd: string;
  /** Ground truth is kept in `<stateDir>/truth`. */
  stateDir: string;
  pid: number;
  signal?: AbortSignal;
  warn?: (text: string) => void;
  onProgress?: (done: number, total: number) => void;
}

/**
 * Ground truth for some of the queries of a search: from the data set, or by exact search through the client before the run, kept on disk by what
 * the collection, the queries and k are.
 * @throws RagctlError exit 2 where a k is above the searches' own; exit 3 where the cluster cannot answer exactly and whole
 */
export async function prepareRecall(
  operation: SearchOperationSpec,
  { samples, ks, known, ownPrefix, seed }: RecallOptions,
  deps: RecallDeps,
): Promise<RecallSpec> {
  const tooMany = ks.filter((k) => k > operation.k);
  if (tooMany.length > 0)
    throw usageError(
      tooMany.map((k) => ({ path: `recall@${k}`, message: `the searches ask for ${operation.k} hits only: give --k ${k}` })),
    );
  const own = ownPrefix === undefined ? {} : { ownPrefix };
  const client = await connectCluster(operation.cluster, { ...deps, purpose: "load ground truth" });
  try {
    const info = await client.collectionInfo(operation.collection);
    if (!info)
      throw new RagctlError(`cluster ${operation.cluster.name} has no collection "${operation.collection}"`, {
        code: "no-collection",
        exitCode: ExitCode.usage,
      });
    const { distance } = info;
    let refused: { file?: string; because?: string } = {};
    if (known) {
      const { file } = known;
      const fitting = await fitTruth(known, operation, { ...deps, client, distance, k: Math.max(...ks) });
      if ("truths" in fitting) {
        const { truths } = fitting;
        const judged = truths.filter((truth) => truth !== null).length;
        return { ks, distance, truths, source: { from: "data set", file, queries: judged }, ...own };
      }
      refused = { file, because: fitting.unfit };
      deps.warn?.(`recall is judged by exact search, not by the neighbours that ${file} brings: ${fitting.unfit}`);
    }
    const chosen = chooseQueries(operation.queries.count, samples, seed);
    const truths = await truthsOf(client, operation, info, chosen, Math.max(...ks), deps);
    const byQuery: (ExactTruth | null)[] = Array.from({ length: operation.queries.count }, () => null);
    for (const [at, query] of chosen.entries()) byQuery[query] = truths[at]!;
    return { ks, distance, truths: byQuery, source: { from: "exact search", queries: chosen.length, ...refused }, ...own };
  } finally {
    await client.close();
  }
}

/** Different ones, in ascending order; the same with the same seed. */
function chooseQueries(count: number, samples: number, seed: number): number[] {
  const rng = seededRng(seed);
  const all = Array.from({ length: count }, (_, query) => query);
  const wanted = Math.min(count, samples);
  for (let at = 0; at < wanted; at++) {
    const other = at + Math.floor(rng() * (count - at));
    [all[at], all[other]] = [all[other]!, all[at]!];
  }
  return all.slice(0, wanted).sort((a, b) => a - b);
}

async function truthsOf(
  client: ClusterClient,
  operation: SearchOperationSpec,
  info: CollectionInfo,
  chosen: readonly number[],
  k: number,
  { stateDir, pid, signal, warn, onProgress }: RecallDeps,
): Promise<ExactTruth[]> {
  const { collection, cluster, queries, filter } = operation;
  const all = new Float32Array(queries.vectors);
  const vectors = chosen.map((query) => all.slice(query * queries.dim, (query + 1) * queries.dim));
  const options: SearchOptions = { k, exact: true, ...(filter && { filter }) };
  const ask = async (vector: Float32Array): Promise<ExactTruth> => {
    const search = client.prepareSearch(collection, vector, options);
    const { hits, partial } = await client.search(search, { timeoutMs: exactTimeoutMs, ...(signal && { signal }) });
    if (partial)
      throw new RagctlError("the ground truth cannot be had: part of the collection does not answer", {
        code: "truth-partial",
        exitCode: ExitCode.unreachable,
        hint: "ragctl status says which nodes are missing; without recall thresholds the load runs all the same.",
      });
    return { ids: hits.map(({ id }) => id), scores: hits.map(({ score }) => score) };
  };
  const compute = async () => {
    const truths = Array.from<ExactTruth>({ length: vectors.length });
    let next = 0;
    let done = 0;
    const work = async () => {
      for (let at = next++; at < vectors.length; at = next++) {
        signal?.throwIfAborted();
        truths[at] = await ask(vectors[at]!);
        onProgress?.(++done, vectors.length);
      }
    };
    await Promise.all(Array.from({ length: Math.min(atOnce, vectors.length) }, work));
    return truths;
  };
  const table = await client.table(collection);
  const key: TruthKey = {
    collection: {
      cluster: cluster.name,
      nodes: cluster.nodes.map(({ url }) => url).join(" "),
      collection,
      points: await client.count(collection),
      epoch: table?.epoch ?? null,
      size: info.size,
      vector: info.vector ?? null,
    },
    queries: vectors,
    k,
    distance: info.distance,
    ...(filter && { filter: JSON.stringify(filter) }),
  };
  const dir = `${stateDir}/truth`;
  const kept = await cachedTruth(dir, key, { pid }, compute, warn);
  if (!kept.cached) return kept.truths;
  for (let check = 0; check < Math.min(spotChecks, vectors.length); check++) {
    const at = Math.floor((check * vectors.length) / spotChecks);
    const now = await ask(vectors[at]!);
    const hits = now.ids.map((id, rank) => ({ id, score: now.scores[rank]! }));
    if (recallAtK(hits, kept.truths[at]!, k, info.distance) === 1) continue;
    return await renewTruth(dir, key, { pid }, compute, warn);
  }
  return kept.truths;
}
