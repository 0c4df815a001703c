import type { Block } from "./arena.ts";
import type { Centroids } from "./centroids.ts";
import type { Points } from "./points.ts";

const chunk = 512;

/** For each item: the nearest centroid with its score, and the second nearest. */
export interface Nearest {
  label: Block<Int32Array>;
  best: Block<Float32Array>;
  other: Block<Int32Array>;
  second: Block<Float32Array>;
}

export function makeNearest({ arena }: Points, items: number): Nearest {
  return { label: arena.i32(items), best: arena.f32(items), other: arena.i32(items), second: arena.f32(items) };
}

/** Assigns items to their nearest centroid: the rows that `index` names, or the first `items`. */
export async function findNearest(
  { pool, rows, bytes }: Points,
  centroids: Centroids,
  { label, best, other, second }: Nearest,
  items: number,
  index?: Block<Int32Array>,
): Promise<void> {
  await pool.run("nearest", items, chunk, [
    index?.at ?? 0,
    rows.at,
    bytes,
    centroids.rows.at,
    centroids.bias.at,
    centroids.padded,
    label.at,
    best.at,
    other.at,
    second.at,
  ]);
}

/** The sum over items of what the metric calls their squared distance, without the price of balance. */
export function inertiaOf(
  { bases }: Points,
  { offsets }: Centroids,
  { label, best }: Nearest,
  items: number,
  index?: Block<Int32Array>,
): number {
  let sum = 0;
  for (let i = 0; i < items; i++) {
    const base = bases.values[index ? index.values[i]! : i]!;
    sum += Math.max(0, base + 2 * best.values[i]! - offsets[label.values[i]!]!);
  }
  return sum;
}
