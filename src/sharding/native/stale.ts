import type { NativeShards, Plan, ShardStep } from "../plan/contract.ts";

/**
 * Every place that a plan leads one shard through, the first and the last included; sorted node ids. A step that runs may
 * have put its copy where it goes before anything left, so that this in-between is one of them too.
 */
export function placesOf(start: readonly string[], steps: readonly ShardStep[]): string[][] {
  const places = [[...start].toSorted()];
  for (const { kind, from, to } of steps) {
    const now = new Set(places.at(-1));
    if (to !== undefined) {
      now.add(to);
      if (kind === "move-shard") places.push([...now].toSorted());
    }
    if (kind !== "replicate-shard") now.delete(from);
    places.push([...now].toSorted());
  }
  return places;
}

/**
 * The shards that are at none of the places that the plan leads them through: somebody else moved them since. A plan half
 * done is not stale, whatever of it was done; one whose shards went elsewhere is, even where its own steps could still be
 * made.
 * @param holders by shard id, as `holdersOf` says them now
 */
export function staleShards(
  plan: Pick<Plan, "steps" | "fingerprint">,
  holders: ReadonlyMap<number, readonly string[]>,
): number[] {
  const { partitioner } = plan.fingerprint;
  if (partitioner.kind !== "native") return [];
  return partitioner.shards.filter((shard) => !onTheWay(shard, plan, holders.get(shard.id))).map(({ id }) => id);
}

function onTheWay(
  { id, on }: NativeShards["shards"][number],
  plan: Pick<Plan, "steps">,
  now: readonly string[] | undefined,
): boolean {
  if (!now) return false;
  const key = JSON.stringify([...now].toSorted());
  return placesOf(on, shardStepsOf(plan, id)).some((place) => JSON.stringify(place) === key);
}

export function shardStepsOf({ steps }: Pick<Plan, "steps">, shardId: number): ShardStep[] {
  return steps.filter((step): step is ShardStep => "shardId" in step && step.shardId === shardId);
}
