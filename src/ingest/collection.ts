import type { ClusterClient } from "../cluster/contract.ts";
import type { Embedder } from "../embed/contract.ts";
import { ExitCode, RagctlError } from "../errors.ts";

/**
 * Makes the collection for this embedder's vectors, compared by cosine, or checks that the one there takes them.
 * @throws RagctlError exit 2 where its vectors have another size
 */
export async function prepareCollection(
  client: ClusterClient,
  collection: string,
  embedder: Embedder,
): Promise<{ created: boolean }> {
  const there = await client.collectionInfo(collection);
  if (there && there.size !== embedder.dim)
    throw new RagctlError(
      `collection ${collection} holds vectors of ${there.size} dimensions; the embedder ${embedder.name} makes ${embedder.dim}`,
      {
        code: "dimension-mismatch",
        exitCode: ExitCode.usage,
        hint: `set embedder of cluster ${client.cluster.name} to the one that made the collection, or ingest into a new --collection`,
        details: [{ path: "--collection", message: `${there.size} dimensions there, ${embedder.dim} here` }],
      },
    );
  const { vector } = client.cluster.store;
  return await client.ensureCollection(collection, {
    size: embedder.dim,
    // What is there keeps the distance it has.
    distance: there?.distance ?? "Cosine",
    ...(vector === undefined ? {} : { vector }),
  });
}
