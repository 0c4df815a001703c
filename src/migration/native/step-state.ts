import type { ShardStep } from "../../sharding/plan/contract.ts";
import type { NativeReplica, NativeState, NativeTransfer } from "../../sharding/native/index.ts";
import type { NativeLook } from "./contract.ts";

/** What has to be done next for a step; node ids, not peers. */
export type StepAction =
  | { kind: "move" | "replicate"; shardId: number; from: string; to: string }
  | { kind: "drop"; shardId: number; from: string };

export type StepState =
  | { kind: "done" }
  /** A transfer does what the step wants, whoever began it. */
  | { kind: "running"; transfer: NativeTransfer }
  /** Another transfer of the shard must end first. */
  | { kind: "busy"; transfer: NativeTransfer }
  | { kind: "ready"; action: StepAction }
  /** It cannot be done as things are; that may pass. */
  | { kind: "blocked"; code: string; message: string };

/**
 * Where a step stands, from one look alone: a run that was killed needs no memory of its own. Pure.
 *
 * Two things that the store would let happen are never asked for: a transfer onto a replica that is Active (it would stop
 * serving until it is copied again), and a drop that leaves fewer serving copies than the plan said.
 */
export function stepState(step: ShardStep, look: NativeLook): StepState {
  const shard = look.shards.find(({ id }) => id === step.shardId);
  if (!shard) return blocked("shard-gone", `shard ${step.shardId} is not there any more`);
  if (look.resharding) return blocked("resharding", "the collection is being resharded");
  const at: Situation = {
    step,
    look,
    from: shard.replicas.find(({ node }) => node === step.from),
    to: shard.replicas.find(({ node }) => node === step.to),
    others: shard.replicas.filter(({ node, state }) => node !== step.from && state === "Active" && answers(look, node)),
    transfers: look.transfers.filter(({ shardId }) => shardId === step.shardId),
  };
  if (step.kind === "drop-replica") return dropState(at);
  const ours = at.transfers.find(
    ({ from, to, sync }) => to === step.to && (sync || (step.kind === "move-shard" && from === step.from)),
  );
  if (ours) return { kind: "running", transfer: ours };
  if (at.transfers[0]) return { kind: "busy", transfer: at.transfers[0] };
  return step.kind === "replicate-shard" ? replicateState(at) : moveState(at);
}

interface Situation {
  step: ShardStep;
  look: NativeLook;
  from: NativeReplica | undefined;
  to: NativeReplica | undefined;
  /** Serving replicas elsewhere than on `from`. */
  others: NativeReplica[];
  transfers: NativeTransfer[];
}

function replicateState(at: Situation): StepState {
  const { step, look, from, to, others } = at;
  if (to?.state === "Active") return { kind: "done" };
  // Any serving replica will do as the source; the plan's own is the first choice.
  const source = from?.state === "Active" && answers(look, step.from) ? from : others.find(({ node }) => node !== step.to);
  if (!source) return noSource(at);
  return target(at) ?? { kind: "ready", action: { kind: "replicate", shardId: step.shardId, from: source.node, to: step.to! } };
}

function moveState(at: Situation): StepState {
  const { step, look, from, to } = at;
  const { shardId } = step;
  if (!from)
    return to?.state === "Active"
      ? { kind: "done" }
      : to
        ? blocked("target-not-active", `shard ${shardId} is ${to.state} on ${step.to}, and has left ${step.from}`)
        : blocked("shard-elsewhere", `shard ${shardId} is neither on ${step.from} nor on ${step.to}`);
  // Both have it: an earlier attempt made a copy of its own. What is left of the move is to drop the source.
  if (to?.state === "Active") return dropState(at);
  if (from.state !== "Active" || !answers(look, step.from)) return noSource(at);
  const obstacle = target(at);
  if (obstacle) return obstacle;
  // Were this a move, its failure would take the target's remains with it, or its success what another is healing.
  return { kind: "ready", action: { kind: to ? "replicate" : "move", shardId, from: step.from, to: step.to! } };
}

function dropState({ step, look, from, others, transfers }: Situation): StepState {
  if (!from) return { kind: "done" };
  // Before 1.16.3, dropping a replica aborted every transfer of its peer, of other shards too.
  const related = transfers[0] ?? look.transfers.find((transfer) => transfer.from === step.from || transfer.to === step.from);
  if (related) return { kind: "busy", transfer: related };
  const where = `shard ${step.shardId} on ${step.from}`;
  if (others.length === 0)
    return blocked("last-replica", `${where} is not dropped: no other replica of it is active on a node that answers`);
  if (others.length < step.copiesDuring)
    return blocked(
      "too-few-copies",
      `${where} is not dropped: ${others.length} other ${others.length === 1 ? "replica serves" : "replicas serve"}, and the plan counts on ${step.copiesDuring}`,
    );
  return { kind: "ready", action: { kind: "drop", shardId: step.shardId, from: step.from } };
}

/** What may be done to a target in each of its states; undefined: it may be copied to. */
const targetStates: Record<NativeState, "done" | "copy" | "wait"> = {
  Active: "done",
  // Left by a transfer that failed, or by a node that was away.
  Dead: "copy",
  // No transfer goes there, so that nobody fills it.
  Partial: "copy",
  PartialSnapshot: "copy",
  Recovery: "copy",
  Initializing: "copy",
  // Somebody is at work with it.
  ManualRecovery: "wait",
  ActiveRead: "wait",
  Resharding: "wait",
  ReshardingScaleDown: "wait",
  Listener: "wait",
};

function target({ step, look, to }: Situation): StepState | undefined {
  if (!answers(look, step.to!)) return blocked("node-unreachable", `${step.to} ${problemOf(look, step.to!)}`);
  if (to && targetStates[to.state] === "wait")
    return blocked("target-in-use", `shard ${step.shardId} on ${step.to} is in state ${to.state}, which is somebody else's work`);
  return undefined;
}

function noSource({ step, look, from }: Situation): StepState {
  const what =
    from && answers(look, step.from)
      ? `is ${from.state} on ${step.from}, and only an active replica can be copied`
      : `cannot be copied from ${step.from}, which ${from ? problemOf(look, step.from) : "does not hold it"}`;
  return blocked("source-not-active", `shard ${step.shardId} ${what}`);
}

function answers({ nodes }: NativeLook, id: string): boolean {
  return nodes.find((node) => node.id === id)?.alive === true;
}

function problemOf({ nodes }: NativeLook, id: string): string {
  return nodes.find((node) => node.id === id)?.problem ?? "does not answer";
}

function blocked(code: string, message: string): StepState {
  return { kind: "blocked", code, message };
}
