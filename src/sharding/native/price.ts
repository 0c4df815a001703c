import type { ShardStep } from "../plan/contract.ts";
import type { NativePlan, NativeShard } from "./contract.ts";

const defaultBytesPerSec = 50 * 2 ** 20;

/**
 * What steps cost. `minimumFraction`: no plan that ends with these loads copies less.
 * @param options.after who holds each shard afterwards
 */
export function priceOf(
  shards: readonly NativeShard[],
  steps: readonly ShardStep[],
  {
    before,
    predicted,
    after,
    bytesPerSec = defaultBytesPerSec,
  }: Pick<NativePlan, "before" | "predicted"> & { after: ReadonlyMap<number, readonly string[]>; bytesPerSec?: number },
): NativePlan["price"] {
  const copied = steps.filter(({ kind }) => kind !== "drop-replica");
  const bytes = copied.reduce((sum, step) => sum + step.bytes, 0);
  const points = copied.reduce((sum, step) => sum + step.points, 0);
  const all = shards.reduce((sum, shard) => sum + shard.bytes * after.get(shard.id)!.length, 0);
  const gained = predicted.nodes.reduce((sum, { bytes }, index) => sum + Math.max(0, bytes - before.nodes[index]!.bytes), 0);
  return {
    points,
    bytes,
    movedFraction: all === 0 ? 0 : bytes / all,
    // Replicas of a shard are equals here: none is first.
    primaryChangedFraction: 0,
    minimumFraction: all === 0 ? 0 : gained / all,
    estimatedSeconds: bytes / bytesPerSec,
  };
}
