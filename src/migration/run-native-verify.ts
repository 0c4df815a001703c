import type { ClusterConfig } from "../config/schema.ts";
import { usageError } from "../errors.ts";
import type { Runtime } from "../runtime.ts";
import { nativeSend } from "../cluster/native/send.ts";
import { physicalOf } from "../sharding/table.ts";
import { driverFor } from "../stores/index.ts";
import { openAccess } from "./access.ts";
import { verifyCells } from "./rekey/verify.ts";
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
  { file, collection, repair = false }: { file: string | undefined; collection: string | undefined; repair?: boolean },
  cluster: ClusterConfig,
  runtime: Runtime,
): Promise<ShardVerifyResult> {
  const plan = file === undefined ? undefined : readPlan(runtime.cwd, file);
  if (plan && plan.topology !== "native") throw usageError([{ path: "--plan", message: `${file} is for a routed cluster` }]);
  const of = plan?.collection ?? collection ?? cluster.store.collection;
  if (of === undefined) throw usageError([{ path: "--collection", message: "say which, or set store.collection in the config" }]);
  const access = await openAccess(cluster, runtime);
  try {
    const table = await access.state.getTable(of);
    const physical = table?.native ? physicalOf(table) : of;
    const about = plan?.kind === "rebalance" ? undefined : plan;
    const verified = await verifyNative(about, nativeAccess(cluster, physical, runtime), { signal: runtime.signal });
    const nothing = { sampledVectors: 0, nodes: [], examples: [], moves: 0, epoch: null, repaired: null };
    const shards = { cluster: cluster.name, collection: of, ...verified, ...nothing };
    if (!table?.native || table.partitioner.kind !== "semantic") return shards;
    const driver = driverFor(cluster);
    const sender = nativeSend({ ...access, clock: runtime.clock, rng: runtime.rng });
    const face = (name: string) => driver.data(name, cluster.store.vector);
    const cells = await verifyCells(table, { sender, face, signal: runtime.signal }, repair);
    return {
      ...shards,
      ...cells,
      clean: verified.clean && cells.clean,
      orphaned: verified.orphaned + cells.orphaned,
      different: verified.different + cells.different,
      problems: [...verified.problems, ...cells.problems],
    };
  } finally {
    await access.close();
  }
}
