import { ExitCode, RagctlError } from "../../errors.ts";
import { holdersOf, shardStepsOf, staleShards, type ObservedNative } from "../../sharding/native/index.ts";
import type { Plan, ShardStep } from "../../sharding/plan/contract.ts";
import { nativeFingerprint } from "../../sharding/native/index.ts";
import { stepState } from "./step-state.ts";
import { plural } from "../../units.ts";

/** Where a plan stands, by the cluster alone: `fresh` never began, `finished` has nothing left to do. */
export type NativePlanState = "fresh" | "begun" | "finished";

/**
 * Where a native plan stands. Pure.
 * @throws RagctlError exit 7, code `plan-stale`: made for another cluster, or its shards have been moved by somebody else since
 */
export function checkFresh(plan: Plan, observed: ObservedNative): NativePlanState {
  const now = nativeFingerprint(observed);
  if (now.digest !== plan.fingerprint.digest) throw stale(differences(plan.fingerprint, now).join("; "));
  const holders = new Map(observed.shards.map((shard) => [shard.id, holdersOf(shard, observed.transfers)]));
  const moved = staleShards(plan, holders);
  if (moved.length > 0)
    throw stale(
      moved.length === 1
        ? `shard ${moved[0]} is where the plan neither found it nor would bring it`
        : `shards ${moved.slice(0, 5).join(", ")}${moved.length > 5 ? " and others" : ""} are where the plan neither found nor would bring them`,
    );
  const steps = shardStepsIn(plan);
  const states = steps.map((step) => stepState(step, observed).kind);
  if (states.every((kind) => kind === "done")) return "finished";
  const start = new Map(shardsOf(plan).map(({ id, on }) => [id, on.toSorted().join(" ")]));
  const elsewhere = [...start].some(
    ([id, on]) => shardStepsOf(plan, id).length > 0 && holders.get(id)?.toSorted().join(" ") !== on,
  );
  return elsewhere || states.some((kind) => kind === "done" || kind === "running") ? "begun" : "fresh";
}

export function shardStepsIn({ steps }: Pick<Plan, "steps">): ShardStep[] {
  return steps.filter((step): step is ShardStep => step.kind !== "copy" && step.kind !== "settle");
}

/** Which peer each node was when the plan was made. */
export function knownPeers({ fingerprint: { partitioner } }: Pick<Plan, "fingerprint">): Record<string, number> {
  return partitioner.kind === "native" ? partitioner.peers : {};
}

/** The shards of a native plan, as it found them. */
export function shardsOf({ fingerprint: { partitioner } }: Pick<Plan, "fingerprint">) {
  return partitioner.kind === "native" ? partitioner.shards : [];
}

function differences(then: Plan["fingerprint"], now: Plan["fingerprint"]): string[] {
  if (then.partitioner.kind !== "native" || now.partitioner.kind !== "native") return ["it was made for a routed cluster"];
  const different: string[] = [];
  const names = (of: Plan["fingerprint"]) => of.members.map(({ id }) => id).join(", ");
  if (names(then) !== names(now)) different.push(`it was made for ${names(then)}, and the cluster is ${names(now)}`);
  else if (JSON.stringify(then.members) !== JSON.stringify(now.members)) different.push("weights or zones have changed");
  const before = then.partitioner.peers;
  const others = Object.entries(now.partitioner.peers).filter(
    ([id, peerId]) => before[id] !== undefined && before[id] !== peerId,
  );
  if (others.length > 0)
    different.push(`${others.map(([id]) => id).join(", ")} ${others.length === 1 ? "is another peer" : "are other peers"} now`);
  const [planned, there] = [then.partitioner.shards.length, now.partitioner.shards.length];
  if (planned !== there) different.push(`it was made for ${plural(planned, "shard")}, and there are ${there}`);
  if (then.replicas !== now.replicas) different.push(`the replication factor was ${then.replicas} and is ${now.replicas}`);
  return different.length > 0 ? different : ["peers or shard keys have changed since it was made"];
}

function stale(why: string): RagctlError {
  return new RagctlError(`the plan is stale: ${why}`, {
    code: "plan-stale",
    exitCode: ExitCode.refused,
    hint: "Nothing was begun. Make a new one with ragctl shard plan.",
  });
}
