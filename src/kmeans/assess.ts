import type { Block } from "./arena.ts";
import type { Centroids } from "./centroids.ts";
import { findNearest, makeNearest, type Nearest } from "./nearest.ts";
import type { Points } from "./points.ts";

/** What a fit comes to, shard by shard. */
export interface Tally {
  sizes: Float64Array;
  inertias: Float64Array;
  /** Largest squared distance. */
  farthest: Float64Array;
  /** Sum of the squares of the squared distances: how unlike they are. */
  fourth: number;
}

export function emptyTally(shards: number): Tally {
  return { sizes: new Float64Array(shards), inertias: new Float64Array(shards), farthest: new Float64Array(shards), fourth: 0 };
}

/**
 * Assigns the first `count` rows, and adds them up. Distances are taken from the differences, which are exact where score and base nearly cancel.
 * @param onRows is told the labels and the rest, before it is gone
 */
export async function assess(
  points: Points,
  centroids: Centroids,
  count: number,
  tally: Tally,
  onRows?: (nearest: Nearest, squares: Float32Array) => void,
): Promise<void> {
  const { arena, pool } = points;
  const mark = arena.mark();
  const nearest = makeNearest(points, count);
  await findNearest(points, centroids, nearest, count);
  const own: Block<Float32Array> = arena.f32(count);
  await pool.run("squareToOwn", count, 1024, [0, points.rows.at, points.bytes, centroids.rows.at, nearest.label.at, own.at]);
  const labels = nearest.label.values;
  for (let i = 0; i < count; i++) {
    const square = toMetric(points, own.values[i]!, i);
    own.values[i] = square;
    const c = labels[i]!;
    tally.sizes[c]!++;
    tally.inertias[c]! += square;
    tally.fourth += square * square;
    if (square > tally.farthest[c]!) tally.farthest[c] = square;
  }
  onRows?.(nearest, own.values);
  arena.release(mark);
}

/** ‖x − c‖² as the metric has it: under dot, 2(‖x‖ − x·c) = ‖x − c‖² − (‖x‖ − 1)². */
function toMetric({ metric, bases }: Points, square: number, i: number): number {
  return metric === "l2" ? square : Math.max(0, square - (bases.values[i]! / 2 - 1) ** 2);
}
