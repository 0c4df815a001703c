import { connectCluster } from "../../cluster/index.ts";
import type { ClusterClient } from "../../cluster/contract.ts";
import { ExitCode, RagctlError } from "../../errors.ts";
import type { CollectionInfo } from "../../stores/contract.ts";
import type { FetchOperationSpec, UpsertOperationSpec } from "../contract.ts";
import type { OperationDeps } from "./deps.ts";

/**
 * The collection is there, and takes vectors of this size. Nothing is written.
 * @throws RagctlError exit 2 where it does not fit, exit 3 where it cannot be asked
 */
export function upsertPreflight(spec: UpsertOperationSpec, deps: OperationDeps): Promise<void> {
  return withCollection(spec, deps, async (_, info) => requireDim(spec.collection, info, spec.vectors.dim, "vectors"));
}

/** One of the keys can be read. @throws as above */
export function fetchPreflight(spec: FetchOperationSpec, deps: OperationDeps): Promise<void> {
  return withCollection(spec, deps, async (client) => {
    await client.fetch(spec.collection, [spec.keys[0]!], { timeoutMs: deps.timeoutMs });
  });
}

/** Runs something with a client and what the collection is. @throws RagctlError exit 2 where there is no such collection */
export async function withCollection(
  { cluster, collection, cwd }: Pick<UpsertOperationSpec, "cluster" | "collection" | "cwd">,
  { clock, rng, purpose }: OperationDeps,
  look: (client: ClusterClient, info: CollectionInfo) => Promise<void>,
): Promise<void> {
  const client = await connectCluster(cluster, { clock, rng, purpose, cwd });
  try {
    const info = await client.collectionInfo(collection);
    if (!info)
      throw new RagctlError(`cluster ${cluster.name} has no collection "${collection}"`, {
        code: "no-collection",
        exitCode: ExitCode.usage,
        hint: "ragctl status lists what there is; ragctl ingest fills one.",
      });
    await look(client, info);
  } finally {
    await client.close();
  }
}

/** @param what whose vectors they are */
export function requireDim(collection: string, { size }: CollectionInfo, dim: number, what: string): void {
  if (size === dim) return;
  throw new RagctlError(`the ${what} have ${dim} dimensions, collection "${collection}" has ${size}`, {
    code: "dimension-mismatch",
    exitCode: ExitCode.usage,
    hint: "They must come from the model that embedded the collection.",
  });
}
