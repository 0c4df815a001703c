import { normalisedQuery, type Points, type SemanticModel } from "../../kmeans/index.ts";
import type { CellBounds } from "./adaptive.ts";

/** Distance of the farthest row from each centroid; under dot, too. */
export function radiiOf({ rows, width, mean, count }: Points, { centroids, dim }: SemanticModel, cell: Int32Array): Float64Array {
  const squares = new Float64Array(centroids.length / dim);
  for (let row = 0; row < count; row++) {
    const c = cell[row]!;
    let square = 0;
    for (let d = 0; d < dim; d++) {
      const difference = rows.values[row * width + d]! + mean[d]! - centroids[c * dim + d]!;
      square += difference * difference;
    }
    if (square > squares[c]!) squares[c] = square;
  }
  return squares.map(Math.sqrt);
}

/** What adaptive probing knows of the cells before a query asks any. */
export function boundsOf({ centroids, dim, metric }: SemanticModel, query: ArrayLike<number>, radii: Float64Array): CellBounds {
  const vector = normalisedQuery(metric, query);
  const toCentroid = new Float64Array(radii.length);
  for (let c = 0; c < radii.length; c++) {
    let sum = 0;
    for (let d = 0; d < dim; d++) {
      const value = centroids[c * dim + d]!;
      sum += metric === "dot" ? -vector[d]! * value : (vector[d]! - value) ** 2;
    }
    toCentroid[c] = metric === "dot" ? sum : Math.sqrt(sum);
  }
  const length = metric === "dot" ? Math.hypot(...vector) : 1;
  return { toCentroid, radii: length === 1 ? radii : radii.map((radius) => radius * length) };
}
