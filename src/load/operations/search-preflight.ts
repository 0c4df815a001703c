import { connectCluster } from "../../cluster/index.ts";
import { ExitCode, RagctlError } from "../../errors.ts";
import type { SearchOperationSpec } from "../contract.ts";
import type { OperationDeps } from "./deps.ts";

/**
 * The collection is there, its vectors have the size of the queries, and one search is answered.
 * @throws RagctlError exit 2 where queries and collection do not fit, exit 3 where no search is answered
 */
export async function searchPreflight(
  spec: SearchOperationSpec,
  { clock, rng, timeoutMs, purpose }: OperationDeps,
): Promise<void> {
  const client = await connectCluster(spec.cluster, { clock, rng, purpose, cwd: spec.cwd });
  try {
    const info = await client.collectionInfo(spec.collection);
    if (!info)
      throw new RagctlError(`cluster ${spec.cluster.name} has no collection "${spec.collection}"`, {
        code: "no-collection",
        exitCode: ExitCode.usage,
        hint: "ragctl status lists what there is; ragctl ingest fills one.",
      });
    if (info.size !== spec.queries.dim)
      throw new RagctlError(`the queries have ${spec.queries.dim} dimensions, collection "${spec.collection}" has ${info.size}`, {
        code: "dimension-mismatch",
        exitCode: ExitCode.usage,
        hint: "Queries must come from the model that embedded the collection.",
      });
    const vector = new Float32Array(spec.queries.vectors).slice(0, spec.queries.dim);
    await client.search(client.prepareSearch(spec.collection, vector, { k: spec.k }), { timeoutMs });
  } finally {
    await client.close();
  }
}
