import type { Rng } from "../../runtime.ts";
import type { Block } from "../arena.ts";
import { type Centroids, makeCentroids, setToRow } from "../centroids.ts";
import { findNearest, makeNearest } from "../nearest.ts";
import type { Points } from "../points.ts";
import { plusPlus } from "./plus-plus.ts";

const rounds = 5;

/**
 * k-means‖ (Bahmani et al., VLDB 2012): a few rounds that each draw about 2k rows at once, by their squared distance to what was drawn before; then greedy
 * k-means++ among these, each weighing what it is nearest to. k-means++ itself goes through all rows k times, which is too often for a large k.
 */
export async function oversample(points: Points, index: Block<Int32Array>, centroids: Centroids, rng: Rng): Promise<void> {
  const { arena, bases } = points;
  const items = index.values.length;
  const mark = arena.mark();
  const distances = new Float64Array(items).fill(Infinity);
  const owner = new Int32Array(items);
  const nearest = makeNearest(points, items);
  const drawn = [Math.floor(rng() * items)];
  let from = 0;
  const takeIn = async () => {
    const inner = arena.mark();
    const fresh = makeCentroids(points, drawn.length - from);
    for (let i = from; i < drawn.length; i++) setToRow(points, fresh, i - from, index.values[drawn[i]!]!);
    await findNearest(points, fresh, nearest, items, index);
    for (let i = 0; i < items; i++) {
      const square = Math.max(0, bases.values[index.values[i]!]! + 2 * nearest.best.values[i]!);
      if (square >= distances[i]!) continue;
      distances[i] = square;
      owner[i] = from + nearest.label.values[i]!;
    }
    from = drawn.length;
    arena.release(inner);
  };
  await takeIn();
  for (let round = 0; round < rounds; round++) {
    const total = distances.reduce((sum, value) => sum + value, 0);
    if (!(total > 0)) break;
    const wanted = 2 * centroids.count;
    for (let i = 0; i < items; i++) if (rng() < (wanted * distances[i]!) / total) drawn.push(i);
    if (drawn.length > from) await takeIn();
  }
  // Rounds that drew too few, by chance or since few rows differ: any rows will do, the fit moves them.
  while (drawn.length < Math.min(items, centroids.count)) drawn.push(Math.floor(rng() * items));
  const weights = new Float64Array(drawn.length);
  for (let i = 0; i < items; i++) weights[owner[i]!]!++;
  const chosen = arena.i32(drawn.length);
  for (const [i, item] of drawn.entries()) chosen.values[i] = index.values[item]!;
  await plusPlus(points, chosen, centroids, rng, { weights });
  arena.release(mark);
}
