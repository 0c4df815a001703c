import { placesOf, shardStepsOf, type NativeShard } from "../../sharding/native/index.ts";
import type { Plan } from "../../sharding/plan/contract.ts";
import { formatCount } from "../../units.ts";
import type { NativeAccess, NativeLook, NativeVerified } from "./contract.ts";
import { lookAround, observeNative } from "./observe.ts";
import { knownPeers, shardsOf } from "./plan-state.ts";

export interface VerifyOptions {
  signal?: AbortSignal;
  /** Looks at most, for counts that differ: they are estimates, and writes go on. */
  looks?: number;
  everyMs?: number;
}

/**
 * Whether every shard is where it should be: each replica there, Active, and with as many points as the others; and nothing left over.
 * Counts are the store's estimates, so that a difference counts only where it is seen in every look.
 * @param plan what it was to bring about; absent: as many active copies of each shard as the collection wants, wherever they are
 * @throws RagctlError exit 3 where no node answers
 */
export async function verifyNative(
  plan: Plan | undefined,
  access: NativeAccess,
  options: VerifyOptions = {},
): Promise<NativeVerified> {
  const { signal, looks = 3, everyMs = 1_000 } = options;
  const look = { ...(plan && { known: knownPeers(plan) }), ...(signal && { signal }) };
  const { replicationFactor, ...first } = await observeNative(access, look);
  let result = judge(plan, first, replicationFactor);
  for (let turn = 1; turn < looks && result.different > 0; turn++) {
    await access.clock.sleep(everyMs, signal);
    const again = judge(plan, await lookAround(access, look), replicationFactor);
    if (again.different < result.different) result = again;
  }
  return result;
}

function judge(plan: Plan | undefined, look: NativeLook, replicationFactor: number): NativeVerified {
  const result: NativeVerified = { clean: false, checked: 0, missing: 0, orphaned: 0, different: 0, problems: [] };
  for (const id of gone(plan, look)) result.problems.push(`shard ${id} is not there any more`);
  for (const shard of look.shards) {
    const wanted = wantedOf(plan, shard);
    result.checked += shard.points;
    for (const node of wanted) {
      const replica = shard.replicas.find((each) => each.node === node);
      if (replica?.state === "Active") continue;
      result.missing += shard.points;
      result.problems.push(`shard ${shard.id} is ${replica ? replica.state : "not"} on ${node}`);
    }
    if (!plan && wanted.length < replicationFactor) {
      result.missing += (replicationFactor - wanted.length) * shard.points;
      result.problems.push(
        `shard ${shard.id} has ${wanted.length} ${wanted.length === 1 ? "copy" : "copies"}, and ${replicationFactor} are wanted`,
      );
    }
    for (const { node, points } of shard.replicas) {
      if (wanted.includes(node)) continue;
      result.orphaned += points ?? shard.points;
      result.problems.push(`shard ${shard.id} is on ${node}, where the plan does not have it`);
    }
    result.different += compareCounts(shard, result.problems);
  }
  for (const { shardId, from, to } of look.transfers)
    result.problems.push(`shard ${shardId} is in a transfer from ${from} to ${to}`);
  return { ...result, clean: result.problems.length === 0 };
}

/** Points by which replicas of one shard differ. */
function compareCounts({ id, replicas }: NativeShard, problems: string[]): number {
  const counts = replicas.flatMap(({ points, state }) => (state === "Active" && points !== undefined ? [points] : []));
  const spread = counts.length > 1 ? Math.max(...counts) - Math.min(...counts) : 0;
  if (spread > 0) problems.push(`replicas of shard ${id} hold ${counts.map(formatCount).join(" and ")} points`);
  return spread;
}

function wantedOf(plan: Plan | undefined, { id, replicas }: NativeShard): readonly string[] {
  const planned = plan && shardsOf(plan).find((shard) => shard.id === id);
  // A shard that was made since is no concern of the plan's.
  if (!plan || !planned) return replicas.map(({ node }) => node);
  return placesOf(planned.on, shardStepsOf(plan, id)).at(-1)!;
}

function gone(plan: Plan | undefined, { shards }: NativeLook): number[] {
  if (!plan) return [];
  return shardsOf(plan).flatMap(({ id }) => (shards.some((shard) => shard.id === id) ? [] : [id]));
}
