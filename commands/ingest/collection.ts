import type { ClusterConfig } from "../../src/config/schema.ts";
import { usageError } from "../../src/errors.ts";

/** The collection that a command of ingest means. @throws RagctlError exit 2 where nothing says it */
export function collectionOf(flagged: string | undefined, cluster: ClusterConfig): string {
  const collection = flagged ?? cluster.store.collection;
  if (collection) return collection;
  throw usageError([{ path: "--collection", message: `is required: cluster ${cluster.name} names no collection of its own` }], {
    hint: "for example --collection docs; it is made where it is not there",
  });
}
