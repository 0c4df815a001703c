import { hash32 } from "./hash.ts";
import { pointIdOf } from "./point-id.ts";
import { rangePosition } from "./range.ts";
import { flattenCentroids, nearestCells } from "./semantic.ts";
import { secondCell } from "./second-cell.ts";
import { cellPrefix, field, positionFieldOf, type PartitionerSpec, type RoutingTable, type TableSpill } from "./table.ts";

/** What is stamped on a point, and where it belongs. */
export interface Stamp {
  id: number | string;
  /** `_ragctl_h`: the 32-bit hash; under `range` the integer key. */
  h: number;
  /** Nearest cell: semantic tables only. */
  cell?: number;
  /** On the placement's coordinate: `cell` of a semantic table, else `h`. */
  position: number;
  /** On the coordinate of the partitioner that is to come, while it changes; or the second cell, where copies are kept near boundaries. */
  to?: number;
  /** By payload field: the cells of this table's models. */
  cells?: Record<string, number>;
}

/** Stamps keys for one table. Made once a table, since it holds the hash function and the centroids. */
export interface Stamper {
  /** True where the owner cannot be told from the key alone. */
  readonly needsVector: boolean;
  stamp(key: string, vector?: ArrayLike<number>): Stamp;
  hashOf(key: string): number;
  /** The cells nearest to a vector; semantic tables only. */
  cellsOf(vector: ArrayLike<number>, count: number): number[];
  /** The same by the model that is to come, where one is. */
  cellsTo(vector: ArrayLike<number>, count: number): number[];
  /** Where a vector of this cell is kept besides: the cell itself for most. Only where such copies are kept. */
  secondOf(vector: ArrayLike<number>, cell: number): number;
}

/**
 * @param to the partitioner that is to come, while it changes: its positions are stamped, too
 * @param spill where copies are kept near boundaries: second cells are stamped, until that ends
 */
export function createStamper(
  partitioner: PartitionerSpec,
  distance: RoutingTable["vector"]["distance"],
  to?: PartitionerSpec,
  spill?: TableSpill,
): Stamper {
  const hashOf = partitioner.kind === "range" ? rangePosition : hash32(partitioner.hash);
  const nearest = (spec: PartitionerSpec | undefined) => {
    if (spec?.kind !== "semantic") return undefined;
    const centroids = flattenCentroids(spec);
    return (vector: ArrayLike<number>, count: number) => nearestCells(centroids, distance, vector, count);
  };
  const cellsOf = nearest(partitioner);
  const cellsTo = nearest(to);
  const own = spill && partitioner.kind === "semantic" ? flattenCentroids(partitioner) : undefined;
  const secondOf = (vector: ArrayLike<number>, cell: number) =>
    own ? secondCell(own, distance, vector, cell, spill!.ratio) : cell;
  return {
    needsVector: cellsOf !== undefined,
    hashOf,
    cellsOf: cellsOf ?? (() => []),
    cellsTo: cellsTo ?? (() => []),
    secondOf,
    stamp(key, vector) {
      const h = hashOf(key);
      const stamp: Stamp = { id: pointIdOf(key), h, position: cellsOf ? -1 : h };
      if (to) stamp.to = cellsTo ? -1 : h;
      if (!vector || (!cellsOf && !cellsTo)) return stamp;
      stamp.cells = {};
      if (cellsOf) {
        stamp.cell = stamp.position = cellsOf(vector, 1)[0]!;
        stamp.cells[positionFieldOf(partitioner)] = stamp.position;
      }
      if (to && cellsTo) {
        stamp.to = cellsTo(vector, 1)[0]!;
        stamp.cells[positionFieldOf(to)] = stamp.to;
      }
      if (own && spill!.phase !== "ending") {
        stamp.to = secondOf(vector, stamp.position);
        stamp.cells[spill!.field] = stamp.to;
      }
      return stamp;
    },
  };
}

/** The fields of a stamp as payload. */
export function stampPayload(key: string, stamp: Stamp, version: number): Record<string, unknown> {
  return { [field.key]: key, [field.hash]: stamp.h, [field.version]: version, ...stamp.cells };
}

/**
 * What is stored of a caller's payload: with the stamp, and without positions that it may have from a point that was read. They were another vector's,
 * and a later change of partitioner takes those that are there to be right.
 */
export function stampedPayload(
  payload: Record<string, unknown> | undefined,
  key: string,
  stamp: Stamp,
  version: number,
): Record<string, unknown> {
  const own: Record<string, unknown> = { ...payload };
  for (const name of Object.keys(own)) if (isPosition(name)) delete own[name];
  return Object.assign(own, stampPayload(key, stamp, version));
}

function isPosition(name: string): boolean {
  return name === field.cell || name.startsWith(cellPrefix) || name.startsWith(field.spill);
}
