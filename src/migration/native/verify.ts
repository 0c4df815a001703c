import { placesOf, shardStepsOf } from "../../sharding/native/index.ts";
import type { Plan } from "../../sharding/plan/contract.ts";
import { formatCount } from "../../units.ts";
import { lookFor } from "./apply.ts";
import type { NativeAccess, NativeLook, NativeVerified } from "./contract.ts";

export interface VerifyOptions {
  signal?: AbortSignal;
  /** Looks at most, for counts that differ: they are estimates, and writes go on. */
  looks?: number;
  everyMs?: number;
}

/**
 * Whether every shard is where a plan was to bring it: each replica there, Active, and with as many points as the others; and
 * nothing left over. Counts are the store's estimates, so that a difference counts only where it is seen in every look.
 * @throws RagctlError exit 3 where no node answers
 */
export async function verifyNative(plan: Plan, access: NativeAccess, options: VerifyOptions = {}): Promise<NativeVerified> {
  const { signal, looks = 3, everyMs = 1_000 } = options;
  let result = judge(plan, await lookFor(plan, { access }, signal));
  for (let look = 1; look < looks && result.different > 0; look++) {
    await access.clock.sleep(everyMs, signal);
    const again = judge(plan, await lookFor(plan, { access }, signal));
    if (again.different < result.different) result = again;
  }
  return result;
}

function judge(plan: Plan, look: NativeLook): NativeVerified {
  const { partitioner } = plan.fingerprint;
  if (partitioner.kind !== "native") throw new TypeError("a routed plan is verified point by point");
  const result: NativeVerified = { clean: false, checked: 0, missing: 0, orphaned: 0, different: 0, problems: [] };
  for (const { id, on } of partitioner.shards) {
    const shard = look.shards.find((each) => each.id === id);
    if (!shard) {
      result.problems.push(`shard ${id} is not there any more`);
      continue;
    }
    result.checked += shard.points;
    const wanted = placesOf(on, shardStepsOf(plan, id)).at(-1)!;
    for (const node of wanted) {
      const replica = shard.replicas.find((each) => each.node === node);
      if (replica?.state === "Active") continue;
      result.missing += shard.points;
      result.problems.push(`shard ${id} is ${replica ? replica.state : "not"} on ${node}`);
    }
    for (const { node, points } of shard.replicas) {
      if (wanted.includes(node)) continue;
      result.orphaned += points ?? shard.points;
      result.problems.push(`shard ${id} is on ${node}, where the plan does not have it`);
    }
    const counts = shard.replicas.flatMap(({ points, state }) => (state === "Active" && points !== undefined ? [points] : []));
    const spread = counts.length > 1 ? Math.max(...counts) - Math.min(...counts) : 0;
    result.different += spread;
    if (spread > 0) result.problems.push(`replicas of shard ${id} hold ${counts.map(formatCount).join(" and ")} points`);
  }
  for (const { shardId, from, to } of look.transfers)
    result.problems.push(`shard ${shardId} is in a transfer from ${from} to ${to}`);
  return { ...result, clean: result.problems.length === 0 };
}
