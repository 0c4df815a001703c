import type { ClusterConfig } from "../config/schema.ts";
import { usageError } from "../errors.ts";
import type { Runtime } from "../runtime.ts";
import { nativeAccess, verifyNative } from "./native/index.ts";
import { readPlan } from "./plan-file.ts";
import type { ShardVerifyResult } from "./result.ts";

/** Whether a native cluster's shards are where a plan was to bring them. @throws RagctlError exit 2 without a plan, 3 where no node answers */
export async function verifyNativePlan(
  file: string | undefined,
  cluster: ClusterConfig,
  runtime: Runtime,
): Promise<ShardVerifyResult> {
  if (file === undefined)
    throw usageError([
      { path: "--plan", message: "is required: a native cluster is compared with what a plan was to bring about" },
    ]);
  const plan = readPlan(runtime.cwd, file);
  if (plan.topology !== "native") throw usageError([{ path: "--plan", message: `${file} is for a routed cluster` }]);
  const verified = await verifyNative(plan, nativeAccess(cluster, plan.collection, runtime), { signal: runtime.signal });
  const nothing = { sampledVectors: 0, nodes: [], examples: [], moves: 0, epoch: null, repaired: null };
  return { cluster: cluster.name, collection: plan.collection, ...verified, ...nothing };
}
