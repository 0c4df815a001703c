import type { Balance, NodeLoad } from "../plan/contract.ts";
import type { NativeNode, NativeShard } from "./contract.ts";

/**
 * How evenly copies lie, in bytes. `maxOverMean` and `deviation` are of load ÷ weight over the nodes of `among`: those that
 * shall hold something.
 */
export function nativeBalance(
  shards: readonly NativeShard[],
  holders: ReadonlyMap<number, Iterable<string>>,
  nodes: readonly Pick<NativeNode, "id" | "weight">[],
  among: ReadonlySet<string>,
): Balance {
  const loads = new Map(nodes.map(({ id }) => [id, { points: 0, bytes: 0 }]));
  for (const shard of shards)
    for (const id of holders.get(shard.id) ?? []) {
      const load = loads.get(id);
      if (!load) continue;
      load.points += shard.points;
      load.bytes += shard.bytes;
    }
  const total = [...loads.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  const rows: NodeLoad[] = nodes.map(({ id }) => {
    const load = loads.get(id)!;
    return { id, ...load, share: total === 0 ? 0 : load.bytes / total };
  });
  const relative = nodes.filter(({ id }) => among.has(id)).map(({ id, weight }) => loads.get(id)!.bytes / weight);
  const mean = relative.reduce((sum, each) => sum + each, 0) / Math.max(1, relative.length);
  const variance = relative.reduce((sum, each) => sum + (each - mean) ** 2, 0) / Math.max(1, relative.length);
  return {
    nodes: rows,
    maxOverMean: mean === 0 ? 1 : Math.max(...relative) / mean,
    deviation: mean === 0 ? 0 : Math.sqrt(variance) / mean,
  };
}
