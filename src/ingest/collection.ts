import type { ClusterClient } from "../cluster/contract.ts";
import { ExitCode, RagctlError } from "../errors.ts";
import type { CollectionSpec, Distance } from "../stores/contract.ts";

/** What the user asks of the collection; what is left out may be anything where it is there, and the default where it is made. */
export type CollectionWishes = Partial<Pick<CollectionSpec, "distance" | "hnsw" | "quantization" | "payloadIndexes">>;

const defaultDistance: Distance = "Cosine";

/**
 * Makes the collection for these vectors, or checks that the one there takes them and is what was asked for; payload
 * indexes that are missing are made.
 * @param maker what makes the vectors: their size, and a name for messages
 * @returns `dim`: of the collection's vectors
 * @throws RagctlError exit 2 where its vectors have another size, or anything else is not as it was asked for
 */
export async function prepareCollection(
  client: ClusterClient,
  collection: string,
  maker: { name: string; dim: number },
  wishes: CollectionWishes,
): Promise<{ created: boolean; dim: number }> {
  const there = await client.collectionInfo(collection);
  if (there && there.size !== maker.dim)
    throw new RagctlError(
      `collection ${collection} holds vectors of ${there.size} dimensions; ${described(maker.name)} ${maker.dim}`,
      {
        code: "dimension-mismatch",
        exitCode: ExitCode.usage,
        hint: `set embedder of cluster ${client.cluster.name} to the one that made the collection, or ingest into a new --collection`,
        details: [{ path: "--collection", message: `${there.size} dimensions there, ${maker.dim} here` }],
      },
    );
  const { vector } = client.cluster.store;
  const { created } = await client.ensureCollection(collection, {
    size: maker.dim,
    ...wishes,
    // What is there keeps the distance it has, unless another is asked for: then it is a difference.
    distance: wishes.distance ?? there?.distance ?? defaultDistance,
    ...(vector === undefined ? {} : { vector }),
  });
  return { created, dim: maker.dim };
}

function described(maker: string): string {
  return maker.startsWith("vectors") ? `the ${maker} have` : `the embedder ${maker} makes`;
}
