import { cellsOf, readPoints, type FitDeps, type SemanticModel } from "../../kmeans/index.ts";
import type { Fit } from "../../kmeans/index.ts";
import type { CollectionRows } from "../collection.ts";

/** A model on rows that it may not have been fitted to: sizes and squared distances by cell. */
export async function measureModel(
  model: SemanticModel,
  rows: CollectionRows,
  deps: FitDeps & { threads: number },
): Promise<Pick<Fit, "deviation"> & { sizes: Float64Array; inertias: Float64Array }> {
  const { metric, dim, centroids } = model;
  const points = await readPoints(rows, metric, undefined, deps);
  try {
    const { cell } = await cellsOf(points, model);
    const sizes = new Float64Array(model.shards.length);
    const inertias = new Float64Array(model.shards.length);
    let fourth = 0;
    for (let row = 0; row < points.count; row++) {
      const c = cell[row]!;
      let square = 0;
      for (let d = 0; d < dim; d++)
        square += (points.rows.values[row * points.width + d]! + points.mean[d]! - centroids[c * dim + d]!) ** 2;
      // Under dot as the fit has it: 2(‖x‖ − x·c).
      if (metric === "dot") square -= (points.bases.values[row]! / 2 - 1) ** 2;
      sizes[c]!++;
      inertias[c]! += square;
      fourth += square * square;
    }
    const mean = inertias.reduce((sum, value) => sum + value, 0) / points.count;
    return { sizes, inertias, deviation: Math.sqrt(Math.max(0, fourth / points.count - mean * mean)) };
  } finally {
    await points.pool.close();
  }
}
