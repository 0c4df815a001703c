import { type Centroids, copyCentroids, makeCentroids } from "../centroids.ts";
import { chooseRows, rngFor } from "../choose.ts";
import { findNearest, inertiaOf, makeNearest } from "../nearest.ts";
import type { Points } from "../points.ts";
import { oversample } from "./oversample.ts";
import { plusPlus } from "./plus-plus.ts";
import { polish } from "./polish.ts";

/** From here on k-means++ takes longer than k-means‖. */
const manyShards = 512;

export interface StartOptions {
  seed: number;
  restarts: number;
  /** Rows that each start chooses from, and that it is judged on. */
  rows: number;
  signal?: AbortSignal;
  onStep?: (done: number, total: number) => void;
}

/**
 * The best of some starts: each chooses from rows of its own, and all are judged on the same rows. The best one is then polished on these.
 */
export async function chooseStart(points: Points, centroids: Centroids, options: StartOptions): Promise<void> {
  const { arena, count } = points;
  const { seed, restarts, rows, signal, onStep } = options;
  const mark = arena.mark();
  const judged = arena.i32(Math.min(rows, count));
  judged.values.set(chooseRows(count, judged.values.length, rngFor(seed, "judge")));
  const nearest = makeNearest(points, judged.values.length);
  const candidate = makeCentroids(points, centroids.count);
  let least = Infinity;
  // Polishing is reckoned as two starts.
  const total = restarts + 2;
  for (let start = 0; start < restarts; start++) {
    signal?.throwIfAborted();
    const rng = rngFor(seed, "start", start);
    const inner = arena.mark();
    const index = arena.i32(judged.values.length);
    index.values.set(chooseRows(count, index.values.length, rng));
    await (centroids.count < manyShards ? plusPlus : oversample)(points, index, candidate, rng);
    arena.release(inner);
    await findNearest(points, candidate, nearest, judged.values.length, judged);
    const inertia = inertiaOf(points, candidate, nearest, judged.values.length, judged);
    if (inertia < least) {
      least = inertia;
      copyCentroids(points, candidate, centroids);
    }
    onStep?.(start + 1, total);
  }
  await polish(points, centroids, judged, { seed, ...(signal && { signal }) });
  onStep?.(total, total);
  arena.release(mark);
}
