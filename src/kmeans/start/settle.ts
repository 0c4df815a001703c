import type { Block } from "../arena.ts";
import { type Centroids, setCentroid } from "../centroids.ts";
import { findNearest, inertiaOf, type Nearest } from "../nearest.ts";
import type { Points } from "../points.ts";
import { sumByGroup } from "../sums.ts";

/** A few steps of plain Lloyd on some of the rows. @param nearest is left as it was found last @returns the inertia after the steps */
export async function settle(
  points: Points,
  centroids: Centroids,
  nearest: Nearest,
  index: Block<Int32Array>,
  steps: number,
): Promise<number> {
  const items = index.values.length;
  const label = nearest.label.values;
  for (let step = 0; ; step++) {
    await findNearest(points, centroids, nearest, items, index);
    if (step === steps) return inertiaOf(points, centroids, nearest, items, index);
    await sumByGroup(
      points,
      items,
      centroids.count,
      (i) => label[i]!,
      (i) => index.values[i]!,
      (c, sum, rows) => setCentroid(points, centroids, c, sum, 0, rows),
    );
  }
}
