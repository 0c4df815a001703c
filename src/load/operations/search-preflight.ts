import type { SearchOperationSpec } from "../contract.ts";
import { requireDim, withCollection } from "./cluster-preflight.ts";
import type { OperationDeps } from "./deps.ts";

/**
 * The collection is there, its vectors have the size of the queries, and one search is answered.
 * @throws RagctlError exit 2 where queries and collection do not fit, exit 3 where no search is answered
 */
export function searchPreflight(spec: SearchOperationSpec, deps: OperationDeps): Promise<void> {
  return withCollection(spec, deps, async (client, info) => {
    requireDim(spec.collection, info, spec.queries.dim, "queries");
    const vector = new Float32Array(spec.queries.vectors).slice(0, spec.queries.dim);
    const options = { k: spec.k, ...(spec.filter && { filter: spec.filter }) };
    await client.search(client.prepareSearch(spec.collection, vector, options), { timeoutMs: deps.timeoutMs });
  });
}
