import type { Block } from "./arena.ts";
import type { Points } from "./points.ts";

/** Centroids in the shared memory, with what the kernel wants to know of them. */
export interface Centroids {
  readonly count: number;
  /** `count`, padded to a multiple of three: what the kernel is told. */
  readonly padded: number;
  readonly rows: Block<Float32Array>;
  readonly squares: Block<Float32Array>;
  /** What scores begin with; infinite behind the last one, so that padding is nobody's nearest. */
  readonly bias: Block<Float32Array>;
  /** Added to the squared distance to a centroid: what balance costs. All 0 unless balanced. */
  readonly offsets: Float64Array;
}

const infinite = 3.4e38;

export function makeCentroids({ arena, width }: Points, count: number): Centroids {
  const padded = Math.ceil(count / 3) * 3;
  // The kernel of bounds reads eight at a time.
  const room = Math.ceil(count / 8) * 8 + 8;
  const rows = arena.f32(room * width);
  const squares = arena.f32(room);
  const bias = arena.f32(room);
  rows.values.fill(0);
  squares.values.fill(0);
  bias.values.fill(infinite);
  return { count, padded, rows, squares, bias, offsets: new Float64Array(count) };
}

/**
 * Sets one centroid to a mean: the sum of rows ÷ their weight, or under cosine and dot its direction. Where that is nothing, it stays as it is.
 * @param at where the sum begins in `sums`
 */
export function setCentroid(
  points: Points,
  centroids: Centroids,
  c: number,
  sums: ArrayLike<number>,
  at: number,
  weight: number,
): void {
  const { width, metric } = points;
  const rows = centroids.rows.values;
  let divisor = weight;
  if (metric !== "l2") {
    let square = 0;
    for (let d = 0; d < width; d++) square += sums[at + d]! * sums[at + d]!;
    divisor = Math.sqrt(square);
  }
  if (divisor > 0) for (let d = 0; d < width; d++) rows[c * width + d] = sums[at + d]! / divisor;
  measure(points, centroids, c);
}

/** Brings squares and bias up to date with a centroid's row and offset. */
export function measure({ width, metric }: Points, { rows, squares, bias, offsets }: Centroids, c: number): void {
  let square = 0;
  for (let d = 0, at = c * width; d < width; d++, at++) square += rows.values[at]! * rows.values[at]!;
  squares.values[c] = square;
  bias.values[c] = (metric === "l2" ? square : 0) / 2 + offsets[c]! / 2;
}

/** Sets one centroid to a row. */
export function setToRow(points: Points, centroids: Centroids, c: number, row: number): void {
  setCentroid(points, centroids, c, points.rows.values, row * points.width, 1);
}

export function copyCentroids(points: Points, from: Centroids, to: Centroids): void {
  to.rows.values.set(from.rows.values.subarray(0, from.count * points.width));
  to.offsets.set(from.offsets);
  for (let c = 0; c < from.count; c++) measure(points, to, c);
}

/** The rows as they are outside: no padding, nothing taken from them. */
export function plainRows({ dim, width, mean }: Points, { count, rows }: Centroids): Float32Array {
  const out = new Float32Array(count * dim);
  for (let c = 0; c < count; c++) for (let d = 0; d < dim; d++) out[c * dim + d] = rows.values[c * width + d]! + mean[d]!;
  return out;
}
