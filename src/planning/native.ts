import type { ClusterConfig } from "../config/schema.ts";
import { usageError, type Problem } from "../errors.ts";
import { nativeAccess } from "../migration/native/access.ts";
import { observeNative } from "../migration/native/observe.ts";
import type { Clock, Rng } from "../runtime.ts";
import { planNative, type NativeGoal } from "../sharding/native/index.ts";
import type { Plan } from "../sharding/plan/contract.ts";
import { makePlanId } from "../sharding/plan/plan-id.ts";
import type { MaxRate } from "../sharding/plan/price.ts";
import { physicalOf } from "../sharding/table.ts";
import type { PlanInputs } from "./inputs.ts";
import { lookIntoState } from "./state.ts";

/**
 * Plans whole shards and replicas of a store that shards by itself.
 * @throws RagctlError exit 2 for what is of routed clusters alone, and as `planNative` and `observeNative`
 */
export async function planOfNative(
  cluster: ClusterConfig,
  collection: string,
  inputs: PlanInputs,
  { clock, rng, cwd, signal }: { clock: Clock; rng: Rng; cwd: string; signal: AbortSignal },
): Promise<{ plan: Plan; notes: string[]; maxRate: MaxRate }> {
  refuseRouted(inputs);
  const physical = await physicalName(cluster, collection, { clock, cwd });
  const observed = await observeNative(nativeAccess(cluster, physical, { clock, cwd }), { signal });
  const goal: NativeGoal = {
    ...(inputs.add.length > 0 ? { add: inputs.add.map(({ id }) => id) } : {}),
    ...(inputs.remove.length > 0 ? { remove: inputs.remove } : {}),
    ...(inputs.replicas === undefined ? {} : { replicas: inputs.replicas }),
    ...(inputs.balance === undefined ? {} : { balance: inputs.balance }),
    ...(inputs.maxMoves === undefined ? {} : { maxMoves: inputs.maxMoves }),
    ...(inputs.maxBytes === undefined ? {} : { maxBytes: inputs.maxBytes }),
    bytesPerSec: inputs.maxRate.per === "bytes" ? inputs.maxRate.perSec : defaultBytesPerSec,
  };
  const { notes, ...made } = planNative(observed, goal);
  const nowMs = clock.nowMs();
  const plan: Plan = {
    schemaVersion: 1,
    kind: "shard",
    planId: makePlanId(nowMs, rng),
    createdAt: new Date(nowMs).toISOString(),
    cluster: cluster.name,
    topology: "native",
    collection: physical,
    offline: false,
    ...made,
  };
  return { plan, notes, maxRate: { per: "bytes", perSec: goal.bytesPerSec! } };
}

/** What the store calls a collection: one whose cells ragctl has made its shard keys has a name of its own there, and an alias by this one. */
export async function physicalName(
  cluster: ClusterConfig,
  collection: string,
  runtime: { clock: Clock; cwd: string },
): Promise<string> {
  const state = await lookIntoState(cluster, runtime);
  try {
    const table = await state?.getTable(collection);
    return table?.native ? physicalOf(table) : collection;
  } finally {
    await state?.close();
  }
}

/** What a native plan's time is reckoned with: the store moves shards as fast as it can. */
const defaultBytesPerSec = 50 * 2 ** 20;

function refuseRouted(inputs: PlanInputs): void {
  const routed: [string, boolean][] = [
    ["--vnodes", inputs.virtualNodes !== undefined],
    ["--load-bound", inputs.loadBound !== undefined],
    ["--weight", Object.keys(inputs.weights).length > 0],
    ["--zone", Object.keys(inputs.zones).length > 0],
    ["--capacity", inputs.capacities.size > 0],
    ["--queries", inputs.queryLog !== undefined],
    ["--add ID=URL", inputs.add.some(({ url }) => url !== undefined)],
  ];
  const problems = routed
    .filter(([, given]) => given)
    .map(([path]): Problem => ({
      path,
      message: "is of routed clusters; a native store places its shards by itself, and the config names its nodes",
    }));
  if (problems.length > 0) throw usageError(problems, { code: "routed-only" });
}
