import type { NativeTransfer } from "../../sharding/native/index.ts";
import type { NativeLook } from "./contract.ts";

/**
 * What changes while a transfer gets on: the target's state and points, the stage and the count of the sender's comment.
 * Qdrant's comments are `Transferring records (4100/10000), started 8s ago, ETA: 11.80s` or, later, `creating snapshot
 * (8.21s) | …`: their times change even where nothing moves, and are left out.
 */
export function progressMark(transfer: NativeTransfer, look: NativeLook): string {
  const replica = targetOf(transfer, look);
  const stage = (transfer.comment ?? "").replaceAll(/\d+(\.\d+)?\s*(ms|s|m|h)\b/g, "");
  return [transfer.method, replica?.state, replica?.points, stage].join(" ");
}

/** Points that are there, of how many; from the sender's count, else from what the target says it holds. */
export function transferProgress(transfer: NativeTransfer, look: NativeLook): { points: number; total: number } {
  const total = look.shards.find(({ id }) => id === transfer.shardId)?.points ?? 0;
  const counted = /\((\d+)\/(\d+)\)/.exec(transfer.comment ?? "");
  if (counted) return { points: Number(counted[1]), total: Number(counted[2]) };
  return { points: Math.min(total, targetOf(transfer, look)?.points ?? 0), total };
}

function targetOf({ shardId, to }: NativeTransfer, look: NativeLook) {
  return look.shards.find(({ id }) => id === shardId)?.replicas.find(({ node }) => node === to);
}
