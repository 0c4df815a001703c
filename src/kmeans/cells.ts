import { makeCentroids, measure, type Centroids } from "./centroids.ts";
import type { SemanticModel } from "./model.ts";
import { findNearest, makeNearest } from "./nearest.ts";
import type { Points } from "./points.ts";
import { spillRatios } from "./spill.ts";

/** Which cell of a model each row is in. */
export interface RowCells {
  cell: Int32Array;
  /** The second nearest; −1 where the model has one cell alone. */
  second: Int32Array;
  /** How much farther that one is, by distance: 1 and more. */
  ratio: Float32Array;
}

/** Where rows belong by a model, which may have been fitted to others. They must be of its dimension and metric. */
export async function cellsOf(points: Points, model: SemanticModel): Promise<RowCells> {
  const { arena, count } = points;
  const mark = arena.mark();
  const centroids = centroidsOf(points, model);
  const nearest = makeNearest(points, count);
  await findNearest(points, centroids, nearest, count);
  const ratio = new Float32Array(count);
  spillRatios(points, nearest, count, ratio, 0);
  const cell = nearest.label.values.slice();
  const second = centroids.count === 1 ? new Int32Array(count).fill(-1) : nearest.other.values.slice();
  arena.release(mark);
  return { cell, second, ratio };
}

function centroidsOf(points: Points, { centroids: rows, dim, offsets }: SemanticModel): Centroids {
  const { width, mean } = points;
  const count = rows.length / dim;
  const centroids = makeCentroids(points, count);
  if (offsets) centroids.offsets.set(offsets);
  for (let c = 0; c < count; c++) {
    for (let d = 0; d < dim; d++) centroids.rows.values[c * width + d] = rows[c * dim + d]! - mean[d]!;
    measure(points, centroids, c);
  }
  return centroids;
}
