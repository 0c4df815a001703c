import type { ClusterConfig } from "../config/schema.ts";
import { usageError } from "../errors.ts";
import type { Runtime } from "../runtime.ts";
import { nativeAccess, verifyNative } from "./native/index.ts";
import { readPlan } from "./plan-file.ts";
import type { ShardVerifyResult } from "./result.ts";

/**
 * Whether a native cluster's shards are where a plan was to bring them; without a plan, whether each has its copies, and they serve.
 * @param file of the plan
 * @param collection where there is no plan
 * @throws RagctlError exit 2 for a plan of another kind, 3 where no node answers
 */
export async function verifyNativePlan(
  { file, collection }: { file: string | undefined; collection: string | undefined },
  cluster: ClusterConfig,
  runtime: Runtime,
): Promise<ShardVerifyResult> {
  const plan = file === undefined ? undefined : readPlan(runtime.cwd, file);
  if (plan && plan.topology !== "native") throw usageError([{ path: "--plan", message: `${file} is for a routed cluster` }]);
  const of = plan?.collection ?? collection ?? cluster.store.collection;
  if (of === undefined) throw usageError([{ path: "--collection", message: "say which, or set store.collection in the config" }]);
  const verified = await verifyNative(plan, nativeAccess(cluster, of, runtime), { signal: runtime.signal });
  const nothing = { sampledVectors: 0, nodes: [], examples: [], moves: 0, epoch: null, repaired: null };
  return { cluster: cluster.name, collection: of, ...verified, ...nothing };
}
