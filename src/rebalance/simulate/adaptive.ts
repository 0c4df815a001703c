import type { CellNeighbors, Metric } from "../../kmeans/index.ts";
import type { Layout } from "./contract.ts";
import type { Truth } from "./hits.ts";

/** What a query knows of a cell before it asks: how far its centroid is, and how far its rows lie around it. */
export interface CellBounds {
  /** Distance from query to centroid; under dot, their product with the sign turned. */
  toCentroid: Float64Array;
  /** Of each cell: distance of its farthest row. Under dot, times the query's length. */
  radii: Float64Array;
}

export interface AdaptiveQuery {
  bounds: CellBounds;
  order: ArrayLike<number>;
  truth: Truth;
  query: number;
}

/**
 * Asks cells in order, passing over those that cannot matter: whose nearest possible row (distance to the centroid less `reach` × radius)
 * is farther than the k-th hit so far. With a reach of 1 nothing is missed (the triangle inequality; under dot, Cauchy and Schwarz); with less, little.
 * @returns the places of the order that were asked, and the recall
 */
export function probeAdaptively(
  neighbors: CellNeighbors,
  { bounds, order, truth, query }: AdaptiveQuery,
  metric: Metric,
  reach: number,
): { asked: number[]; recall: number } {
  const { toCentroid, radii } = bounds;
  // Copies come twice: by row number, each once.
  const best = new Map<number, number>();
  let kth = Infinity;
  const asked: number[] = [];
  for (let place = 0; place < order.length; place++) {
    const cell = order[place]!;
    if (best.size >= neighbors.k && leastOf(toCentroid[cell]!, radii[cell]!, metric, reach) > kth) continue;
    asked.push(place);
    const far = neighbors.far(query, cell);
    const rows = neighbors.rows(query, cell);
    let changed = false;
    for (let i = 0; i < far.length && far[i]! <= kth; i++) {
      if (best.has(rows[i]!)) continue;
      best.set(rows[i]!, far[i]!);
      changed = true;
    }
    if (changed && best.size >= neighbors.k) kth = [...best.values()].sort((a, b) => a - b)[neighbors.k - 1]!;
  }
  let found = 0;
  for (const far of best.values()) if (far <= truth.limit) found++;
  return { asked, recall: truth.wanted === 0 ? 1 : Math.min(found, truth.wanted) / truth.wanted };
}

/** The least that a row of the cell may have, in what `far` is measured in. A breath less than the sum says: its rounding must not exclude what ties. */
function leastOf(toCentroid: number, radius: number, metric: Metric, reach: number): number {
  const least = toCentroid - reach * radius - 1e-6 * (Math.abs(toCentroid) + radius);
  if (metric === "dot") return least;
  const distance = Math.max(0, least);
  // Cosine: of two vectors of length one, −similarity is half the squared distance less one.
  return metric === "l2" ? distance * distance : (distance * distance) / 2 - 1;
}

export interface AdaptiveOutcome {
  reach: number;
  recall: number;
  fanOut: number;
  work: number;
}

/** Over some of the queries. */
export function adaptiveOutcome(
  { sizes }: Layout,
  neighbors: CellNeighbors,
  queries: readonly (AdaptiveQuery & { weight: number })[],
  { metric, reach, rows }: { metric: Metric; reach: number; rows: number },
): AdaptiveOutcome {
  const total = queries.reduce((sum, { weight }) => sum + weight, 0);
  const sums = { recall: 0, asked: 0, held: 0 };
  for (const each of queries) {
    const { asked, recall } = probeAdaptively(neighbors, each, metric, reach);
    sums.recall += each.weight * recall;
    sums.asked += each.weight * asked.length;
    sums.held += each.weight * asked.reduce((sum, place) => sum + sizes[each.order[place]!]!, 0);
  }
  return { reach, recall: sums.recall / total, fanOut: sums.asked / total, work: sums.held / total / rows };
}

const bisections = 14;

/** The least reach with which these queries reach the target. A reach of 1 always does. */
export function calibrateReach(recallAt: (reach: number) => number, target: number): number {
  let low = -1;
  let high = 1;
  for (let step = 0; step < bisections; step++) {
    const middle = (low + high) / 2;
    if (recallAt(middle) >= target) high = middle;
    else low = middle;
  }
  return high;
}
