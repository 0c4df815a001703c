import { type Centroids, setCentroid, setToRow } from "./centroids.ts";
import type { Points } from "./points.ts";
import { sumByGroup } from "./sums.ts";
import type { TrainOptions } from "./minibatch.ts";

const chunk = 512;

export interface LloydReport {
  iterations: number;
  /** Of the distances that plain Lloyd computes. */
  distancesShare: number;
  converged: boolean;
}

/** How many groups of centroids have a lower bound of their own: one is Hamerly's algorithm, cheap where k is small; eight centroids a group is what the kernel likes. */
export function groupsFor(count: number, shards: number, boundBytes: number): { groups: number; size: number } {
  if (shards <= 8) return { groups: 1, size: Math.max(1, shards) };
  for (let size = 8; ; size *= 2) {
    const groups = Math.ceil(shards / size);
    if (groups === 1 || groups * count * 4 <= boundBytes) return { groups, size };
  }
}

/** Half a gibibyte of bounds: beyond that, groups are made larger. */
const mostBoundBytes = 2 ** 29;

/**
 * Lloyd's algorithm, with the bounds of Yinyang k-means (Ding et al., ICML 2015) that skip distances which cannot matter, and sums that are kept up to
 * date by the rows that changed their cell. Ends when none does, or centroids hardly move (10⁻⁴ of the mean variance, as in scikit-learn).
 */
export async function lloyd(
  points: Points,
  centroids: Centroids,
  { maxIterations, boundBytes = mostBoundBytes }: { maxIterations: number; boundBytes?: number },
  { signal, onStep }: Omit<TrainOptions, "rng">,
): Promise<LloydReport> {
  const { arena, count, width } = points;
  const k = centroids.count;
  const mark = arena.mark();
  const { groups, size } = groupsFor(count, k, boundBytes);
  const label = arena.i32(count);
  label.values.fill(-1);
  const before = new Int32Array(count).fill(-1);
  const upper = arena.f32(count);
  const lower = arena.f32(count * groups);
  const drift = arena.f32(k);
  const groupDrift = arena.f32(groups);
  const chunks = Math.ceil(count / chunk);
  const looked = arena.i32(chunks * 16);
  const sums = new Float64Array(k * width);
  const sizes = new Int32Array(k);
  const tolerance = 1e-4 * meanVariance(points);
  let distances = 0;
  let iteration = 0;
  let converged = false;
  while (iteration < maxIterations && !converged) {
    signal?.throwIfAborted();
    await points.pool.run("bounded", count, chunk, [
      points.rows.at,
      points.bytes,
      points.squares.at,
      centroids.rows.at,
      centroids.squares.at,
      k,
      size,
      groups,
      drift.at,
      groupDrift.at,
      label.at,
      upper.at,
      lower.at,
      iteration === 0 ? 1 : 0,
      looked.at,
      chunk,
    ]);
    for (let part = 0; part < chunks; part++) distances += looked.values[part * 16]!;
    const changed = await moveSums(points, label.values, before, sums, sizes, k);
    iteration++;
    const old = centroids.rows.values.slice(0, k * width);
    for (let c = 0; c < k; c++) setCentroid(points, centroids, c, sums, c * width, sizes[c]!);
    const filled = fillEmpty(points, centroids, sizes, label.values, upper.values);
    const moved = drifts(old, centroids, width, size, drift.values, groupDrift.values);
    converged = !filled && (changed === 0 || moved <= tolerance);
    onStep?.(iteration, maxIterations);
  }
  arena.release(mark);
  return { iterations: iteration, distancesShare: distances / (iteration * count * k), converged };
}

/** Takes the rows that changed their cell out of its sum and into the new one's. @returns how many they were */
async function moveSums(
  points: Points,
  label: Int32Array,
  before: Int32Array,
  sums: Float64Array,
  sizes: Int32Array,
  k: number,
): Promise<number> {
  const { width, count } = points;
  let changed: number[] | Int32Array = [];
  for (let i = 0; i < count; i++) if (label[i] !== before[i]) changed.push(i);
  changed = Int32Array.from(changed);
  const rowOf = (i: number) => changed[i]!;
  for (const [labels, sign] of [[before, -1] as const, [label, 1] as const])
    await sumByGroup(
      points,
      changed.length,
      k,
      (i) => labels[changed[i]!]!,
      rowOf,
      (c, sum, rows) => {
        sizes[c]! += sign * rows;
        for (let d = 0, at = c * width; d < width; d++, at++) sums[at]! += sign * sum[d]!;
      },
    );
  before.set(label);
  return changed.length;
}

/** A centroid without rows takes the place of the row that is farthest from its own. */
function fillEmpty(points: Points, centroids: Centroids, sizes: Int32Array, label: Int32Array, upper: Float32Array): boolean {
  const empty = Array.from(sizes.keys()).filter((c) => sizes[c] === 0);
  const taken = new Set<number>();
  for (const c of empty) {
    let farthest = -1;
    for (let i = 0; i < label.length; i++)
      if (sizes[label[i]!]! > 1 && !taken.has(i) && (farthest < 0 || upper[i]! > upper[farthest]!)) farthest = i;
    if (farthest < 0) return false;
    taken.add(farthest);
    setToRow(points, centroids, c, farthest);
  }
  return empty.length > 0;
}

/** How far each centroid moved, and the farthest of each group. @returns the sum of their squares */
function drifts(
  old: Float32Array,
  { rows, count }: Centroids,
  width: number,
  size: number,
  drift: Float32Array,
  groupDrift: Float32Array,
): number {
  groupDrift.fill(0);
  let total = 0;
  for (let c = 0; c < count; c++) {
    let square = 0;
    for (let d = 0, at = c * width; d < width; d++, at++) square += (rows.values[at]! - old[at]!) ** 2;
    total += square;
    // A little more, so that rounding never makes a bound too tight.
    drift[c] = Math.sqrt(square) * (1 + 1e-6);
    const group = Math.floor(c / size);
    groupDrift[group] = Math.max(groupDrift[group]!, drift[c]!);
  }
  return total;
}

/** The mean of the dimensions' variances: what a tolerance is measured by. */
function meanVariance({ rows, squares, count, width, dim }: Points): number {
  const sums = new Float64Array(width);
  let square = 0;
  const step = Math.max(1, Math.floor(count / 10_000));
  let used = 0;
  for (let i = 0; i < count; i += step, used++) {
    square += squares.values[i]!;
    for (let d = 0, at = i * width; d < width; d++, at++) sums[d]! += rows.values[at]!;
  }
  const mean = sums.reduce((sum, value) => sum + (value / used) ** 2, 0);
  return Math.max(0, square / used - mean) / dim;
}
