import type { ClusterConfig } from "../../config/schema.ts";
import { ExitCode, RagctlError } from "../../errors.ts";
import { loadHashes } from "../../sharding/hash.ts";
import type { Plan } from "../../sharding/plan/contract.ts";
import { defaultMaxRate } from "../../sharding/plan/price.ts";
import { planRekey } from "../../sharding/plan/rekey.ts";
import { physicalOf } from "../../sharding/table.ts";
import { openAccess, type MigrationRuntime } from "../access.ts";
import { nativeAccess, observeNative } from "../native/index.ts";
import { settleOf } from "../plan-state.ts";
import { copyIdOf } from "./apply.ts";

/**
 * The plan that undoes a change of a native collection's cells: from what is there now to how the store placed the points before.
 * @throws RagctlError exit 7 where the plan is half applied, or something else has changed since
 */
export async function reverseRekey(
  plan: Plan,
  cluster: ClusterConfig,
  runtime: MigrationRuntime,
  about: { planId: string; createdAt: string },
): Promise<Plan> {
  await loadHashes();
  const refuse = (message: string, hint: string) =>
    new RagctlError(message, { code: "plan-stale", exitCode: ExitCode.refused, hint, details: { planId: plan.planId } });
  const access = await openAccess(cluster, runtime);
  try {
    const table = await access.state.getTable(plan.collection);
    const step = plan.steps.find((each) => each.kind === "rekey");
    const settle = settleOf(plan);
    const { partitioner: before } = plan.fingerprint;
    const { copy, left } = table?.native ?? {};
    if (copy?.id.startsWith(copyIdOf(plan.planId)))
      throw refuse(`Plan ${plan.planId} is half applied.`, "ragctl rebalance apply --abort takes it back, --resume ends it.");
    if (copy || left !== undefined)
      throw refuse(`A change of ${plan.collection} is half applied.`, "Finish it with ragctl rebalance apply --resume.");
    const applied = step ? table && physicalOf(table) === step.physical : table && settle;
    if (!table || !applied || before.kind === "native") return nothing(plan, about);
    const native = nativeAccess(cluster, physicalOf(table), runtime);
    const observed = await observeNative(native);
    const sharding = await native.nodes[0]!.control.cluster.sharding(physicalOf(table));
    const there = new Set(observed.nodes.map(({ id }) => id));
    // Where a node has gone since, cells are placed anew.
    const keys = step?.was.keys.every(({ on }) => on.every((id) => there.has(id))) ? step.was.keys : undefined;
    const back = planRekey({
      ...about,
      cluster: cluster.name,
      collection: plan.collection,
      observed,
      sharding,
      from: table.partitioner,
      to: before,
      ...(step && { toSharding: step.was.sharding }),
      ...(keys && { keys }),
      maxRate: defaultMaxRate,
    });
    return { ...back, reverses: plan.planId };
  } finally {
    await access.close();
  }
}

function nothing(plan: Plan, about: { planId: string; createdAt: string }): Plan {
  const { expected: _of, ...rest } = plan;
  const price = { ...plan.price, points: 0, bytes: 0, movedFraction: 0, minimumFraction: 0, estimatedSeconds: 0 };
  return { ...rest, ...about, steps: [], price, predicted: plan.before, reverses: plan.planId };
}
