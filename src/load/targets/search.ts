import { connectCluster } from "../../cluster/index.ts";
import type { ClusterClient } from "../../cluster/contract.ts";
import type { ClusterConfig } from "../../config/schema.ts";
import { createEmbedder } from "../../embed/index.ts";
import { ExitCode, RagctlError, usageError } from "../../errors.ts";
import { seededRng, type Clock, type Rng } from "../../runtime.ts";
import type { SearchOperationSpec } from "../contract.ts";
import type { Query } from "../feeds/query-file.ts";
import { packVectors, sampleOwnPoints, type QueryVectors } from "../feeds/queries.ts";
import type { ChosenTarget } from "./http.ts";

/** Query vectors taken from a collection's own points at most. */
const ownPoints = 1000;

export interface SearchTargetInput {
  cluster: ClusterConfig;
  /** Undefined: the cluster's own, or the only one there is. */
  collection: string | undefined;
  k: number;
  ef: number | undefined;
  /** From a file; undefined: the collection's own points. */
  queries: { list: Query[]; file: string } | undefined;
  partialIsOk: boolean;
  seed: number;
}

interface Deps {
  clock: Clock;
  rng: Rng;
  cwd: string;
  signal?: AbortSignal;
}

/**
 * Searches of a cluster, their query vectors fetched or embedded before the clock starts.
 * @throws RagctlError exit 2 where collection or queries are not what they should be, exit 3 where the cluster or the embedder does not answer
 */
export async function searchTarget(input: SearchTargetInput, deps: Deps): Promise<ChosenTarget<SearchOperationSpec>> {
  const { cluster, k, ef, seed, partialIsOk } = input;
  const client = await connectCluster(cluster, { ...deps, purpose: "load" });
  try {
    const collection = input.collection ?? cluster.store.collection ?? (await onlyCollection(client));
    const queries = input.queries
      ? await embedded(input.queries.list, cluster, deps)
      : await sampleOwnPoints(client, collection, {
          count: ownPoints,
          rng: seededRng(seed),
          ...(deps.signal && { signal: deps.signal }),
        });
    return {
      operation: {
        kind: "search",
        cluster,
        collection,
        k,
        ...(ef !== undefined && { ef }),
        queries,
        choice: { kind: "uniform" },
        partialIsOk,
        cwd: deps.cwd,
      },
      target: {
        kind: "search",
        cluster: cluster.name,
        topology: cluster.topology,
        collection,
        k,
        ef: ef ?? null,
        queries: { from: input.queries?.file ?? "the collection's own points", count: queries.count, dim: queries.dim },
        nodes: cluster.nodes.map(({ id, url, directUrl = url }) => ({ id, url, directUrl })),
      },
      urls: cluster.nodes.map(({ url }) => url),
    };
  } finally {
    await client.close();
  }
}

async function onlyCollection(client: ClusterClient): Promise<string> {
  const names = await client.collections();
  if (names.length === 1) return names[0]!;
  throw usageError([
    {
      path: "--collection",
      message: names.length === 0 ? "the cluster has no collection yet" : `say which: the cluster has ${names.join(", ")}`,
    },
  ]);
}

async function embedded(list: readonly Query[], cluster: ClusterConfig, { clock, rng, signal }: Deps): Promise<QueryVectors> {
  const texts = list.flatMap((query) => ("text" in query ? [query.text] : []));
  const vectors: Float32Array[] = [];
  if (texts.length > 0) {
    const embedder = await createEmbedder(cluster.embedder, { clock, rng });
    try {
      vectors.push(...(await embedder.embed(texts, signal ? { signal } : {})));
    } finally {
      await embedder.close();
    }
  }
  let next = 0;
  const all = list.map((query) => ("text" in query ? vectors[next++]! : query.vector));
  const odd = all.find((vector) => vector.length !== all[0]!.length);
  if (odd)
    throw new RagctlError(`the queries mix vectors of ${all[0]!.length} and ${odd.length} dimensions`, {
      code: "dimension-mismatch",
      exitCode: ExitCode.usage,
      hint: "Texts are embedded by the cluster's embedder: its dimension is what vectors beside them must have.",
    });
  return packVectors(all);
}
