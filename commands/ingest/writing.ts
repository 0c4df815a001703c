import type { ClusterConfig } from "../../src/config/schema.ts";
import { usageError, type Problem } from "../../src/errors.ts";
import type { CollectionWishes } from "../../src/ingest/collection.ts";
import { payloadIndexTypes, quantizations } from "../../src/stores/contract.ts";
import { flag, type FlagValues } from "../flags.ts";

const distances = ["cosine", "dot", "euclid"] as const;
const storeDistance = { cosine: "Cosine", dot: "Dot", euclid: "Euclid" } as const;

/** What the collection is made with, or must have where it is there. */
export const collectionFlags = {
  distance: flag.choice(distances, { description: "of vectors (default: cosine, or what the collection has)" }),
  index: flag.list({ description: "payload fields to index", placeholder: "field:type,…" }),
  hnswM: flag.positive({ description: "edges of a point in the graph" }),
  efConstruct: flag.positive({ description: "candidates while the graph is built" }),
  quantization: flag.choice(quantizations, { description: "smaller vectors beside the whole ones" }),
};

/** How it is written, and how a run goes on. */
export const writingFlags = {
  ...collectionFlags,
  acks: flag.positive({ description: "replicas that must have a chunk before it counts (default: the config's minAcks)" }),
  force: flag.boolean({ description: "write every chunk again, changed or not" }),
};

/** @throws RagctlError exit 2 with every index that is not `field:type` */
export function collectionWishes(flags: FlagValues<typeof collectionFlags>): CollectionWishes {
  const problems: Problem[] = [];
  const payloadIndexes = flags.index.flatMap((text) => {
    const at = text.lastIndexOf(":");
    const [field, word] = [text.slice(0, Math.max(0, at)), text.slice(at + 1)];
    const type = payloadIndexTypes.find((known) => known === word);
    if (field !== "" && type) return [{ field, type }];
    problems.push({
      path: "--index",
      message: `expected field:type with a type of ${payloadIndexTypes.join(", ")}, got "${text}"`,
    });
    return [];
  });
  if (problems.length > 0) throw usageError(problems);
  const { distance, hnswM: m, efConstruct, quantization } = flags;
  const hnsw = { ...(m === undefined ? {} : { m }), ...(efConstruct === undefined ? {} : { efConstruct }) };
  return {
    ...(distance ? { distance: storeDistance[distance] } : {}),
    ...(payloadIndexes.length > 0 ? { payloadIndexes } : {}),
    ...(Object.keys(hnsw).length > 0 ? { hnsw } : {}),
    ...(quantization ? { quantization } : {}),
  };
}

/** The cluster with another `minAcks`. @throws RagctlError exit 2 where it has not so many replicas */
export function withAcks(cluster: ClusterConfig, acks: number | undefined): ClusterConfig {
  if (acks === undefined) return cluster;
  const problem = (message: string, hint: string) => usageError([{ path: "--acks", message }], { hint });
  if (cluster.topology === "native")
    throw problem(
      `cluster ${cluster.name} replicates by itself, and decides by itself when a write counts`,
      "its collections have a write_consistency_factor",
    );
  const { replicas } = cluster.routing;
  if (acks > replicas)
    throw problem(`${acks} acknowledgements need as many replicas; there are ${replicas}`, "see routing.replicas of the config");
  return { ...cluster, routing: { ...cluster.routing, minAcks: acks } };
}
