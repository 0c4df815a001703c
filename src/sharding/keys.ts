import { hash32 } from "./hash.ts";
import { pointIdOf } from "./point-id.ts";
import { rangePosition } from "./range.ts";
import { flattenCentroids, nearestCells } from "./semantic.ts";
import { field, type PartitionerSpec, type RoutingTable } from "./table.ts";

/** What is stamped on a point, and where it belongs. */
export interface Stamp {
  id: number | string;
  /** `_ragctl_h`: the 32-bit hash; under `range` the integer key. */
  h: number;
  /** `_ragctl_cell`: semantic tables only. */
  cell?: number;
  /** On the placement's coordinate: `cell` of a semantic table, else `h`. */
  position: number;
}

/** Stamps keys for one table. Made once a table, since it holds the hash function and the centroids. */
export interface Stamper {
  /** True where the owner cannot be told from the key alone. */
  readonly needsVector: boolean;
  stamp(key: string, vector?: ArrayLike<number>): Stamp;
  hashOf(key: string): number;
  /** The cells nearest to a vector; semantic tables only. */
  cellsOf(vector: ArrayLike<number>, count: number): number[];
}

export function createStamper(partitioner: PartitionerSpec, distance: RoutingTable["vector"]["distance"]): Stamper {
  const hashOf = partitioner.kind === "range" ? rangePosition : hash32(partitioner.hash);
  const centroids = partitioner.kind === "semantic" ? flattenCentroids(partitioner) : undefined;
  const cellsOf = (vector: ArrayLike<number>, count: number) =>
    centroids ? nearestCells(centroids, distance, vector, count) : [];
  return {
    needsVector: centroids !== undefined,
    hashOf,
    cellsOf,
    stamp(key, vector) {
      const h = hashOf(key);
      const id = pointIdOf(key);
      if (!centroids) return { id, h, position: h };
      if (!vector) return { id, h, position: -1 };
      const cell = cellsOf(vector, 1)[0]!;
      return { id, h, cell, position: cell };
    },
  };
}

/** The fields of a stamp as payload. */
export function stampPayload(key: string, stamp: Stamp, version: number): Record<string, unknown> {
  const payload: Record<string, unknown> = { [field.key]: key, [field.hash]: stamp.h, [field.version]: version };
  if (stamp.cell !== undefined) payload[field.cell] = stamp.cell;
  return payload;
}
