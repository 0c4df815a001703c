import type { Block } from "./arena.ts";
import { type Centroids, setCentroid, setToRow } from "./centroids.ts";
import { chooseRows, drawRows } from "./choose.ts";
import { findNearest, inertiaOf, makeNearest } from "./nearest.ts";
import type { Points } from "./points.ts";
import { sumByGroup } from "./sums.ts";
import type { Rng } from "../runtime.ts";

export interface TrainOptions {
  rng: Rng;
  signal?: AbortSignal;
  onStep?: (done: number, total: number) => void;
}

/** Centres that have seen less than this share of what the busiest has are starved. */
const starvedRatio = 0.01;
/** Steps without a better mean inertia before it is enough. */
const patience = 10;

/**
 * Mini-batch k-means (Sculley, WWW 2010), as scikit-learn runs it: each centroid is the mean of all rows that were ever assigned to it, so it moves by
 * one over its count; starved ones start again at a row of the batch; it ends when the smoothed inertia has not become better for ten steps.
 * @returns steps made
 */
export async function miniBatch(
  points: Points,
  centroids: Centroids,
  { batch, maxIterations }: { batch: number; maxIterations: number },
  { rng, signal, onStep }: TrainOptions,
): Promise<number> {
  const { arena, width, count } = points;
  const size = Math.min(batch, count);
  const mark = arena.mark();
  const index: Block<Int32Array> = arena.i32(size);
  const nearest = makeNearest(points, size);
  const seen = new Float64Array(centroids.count);
  // Sums of all rows seen, in double precision: a centroid is its sum ÷ its count.
  const sums = new Float64Array(centroids.count * width);
  const steps = Math.ceil((maxIterations * count) / size);
  const smoothing = Math.min(1, (2 * size) / (count + 1));
  let smoothed: number | undefined;
  let least = Infinity;
  let since = 0;
  let sinceReassigned = 0;
  let step = 0;
  while (step < steps) {
    signal?.throwIfAborted();
    drawRows(count, size, rng, index.values);
    await findNearest(points, centroids, nearest, size, index);
    const inertia = inertiaOf(points, centroids, nearest, size, index) / size;
    const labels = nearest.label.values;
    await sumByGroup(
      points,
      size,
      centroids.count,
      (i) => labels[i]!,
      (i) => index.values[i]!,
      (c, sum, rows) => {
        seen[c]! += rows;
        for (let d = 0, at = c * width; d < width; d++, at++) sums[at]! += sum[d]!;
        setCentroid(points, centroids, c, sums, c * width, seen[c]!);
      },
    );
    sinceReassigned += size;
    if (seen.includes(0) || sinceReassigned >= 10 * centroids.count) {
      sinceReassigned = 0;
      reassign(points, centroids, seen, sums, index.values, rng);
    }
    step++;
    onStep?.(step, steps);
    // The first batch says how good the start was, not how good it has become.
    if (step === 1) continue;
    smoothed = smoothed === undefined ? inertia : smoothed * (1 - smoothing) + inertia * smoothing;
    since = smoothed < least ? 0 : since + 1;
    least = Math.min(least, smoothed);
    if (since >= patience) break;
  }
  arena.release(mark);
  return step;
}

/** Starved centres start again at rows of the batch, and count as much as the least of the others. */
function reassign(
  points: Points,
  centroids: Centroids,
  seen: Float64Array,
  sums: Float64Array,
  batch: Int32Array,
  rng: Rng,
): void {
  const most = seen.reduce((most, value) => Math.max(most, value), 0);
  let starved = Array.from(seen.keys()).filter((c) => seen[c]! < starvedRatio * most);
  if (starved.length === 0) return;
  // Half a batch of new centres at most; the most starved first.
  starved = starved.toSorted((a, b) => seen[a]! - seen[b]! || a - b).slice(0, batch.length >> 1);
  const rows = chooseRows(batch.length, starved.length, rng);
  const others = new Set(starved);
  const weight = seen.reduce((least, value, c) => (others.has(c) ? least : Math.min(least, value)), Infinity);
  const { width } = points;
  for (const [i, c] of starved.entries()) {
    setToRow(points, centroids, c, batch[rows[i]!]!);
    seen[c] = weight;
    for (let d = 0, at = c * width; d < width; d++, at++) sums[at] = points.rows.values[batch[rows[i]!]! * width + d]! * weight;
  }
}
