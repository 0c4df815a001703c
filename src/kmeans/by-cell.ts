import { makeCentroids, measure } from "./centroids.ts";
import type { Metric } from "./contract.ts";
import type { Points } from "./points.ts";

/** Rows of one block of scores. */
const blockRows = 1024;
/** Scores come in single precision: rows that are above a limit by less than this share of the lengths are looked at exactly. */
const margin = 1e-5;

/** Into how many cells the rows are divided, and which each is in; −1 for none. A second list says where copies are. */
export interface Division {
  cells: number;
  own: Int32Array;
  copy?: Int32Array;
}

/** The `k` nearest rows of each cell to each query. */
export interface CellNeighbors {
  readonly k: number;
  /** How far the nearest rows of a cell are, ascending: fewer than `k` where it holds fewer. Squared distances, or under cosine and dot −similarity. */
  far(query: number, cell: number): Float64Array;
  /** Their row numbers. */
  rows(query: number, cell: number): Int32Array;
}

/** A query as rows are compared with it: of length one under cosine. */
export function normalisedQuery(metric: Metric, query: ArrayLike<number>): Float64Array {
  const vector = Float64Array.from(query);
  if (metric !== "cosine") return vector;
  const length = Math.hypot(...vector);
  return length > 0 ? vector.map((value) => value / length) : vector;
}

/**
 * Exact search within every cell, of several divisions at once: one pass over the rows. The kernel's scores say which rows are worth looking at, and those are
 * compared in double precision. Of rows equally far, the lower one goes first.
 */
export async function nearestByCell(
  points: Points,
  queries: readonly ArrayLike<number>[],
  divisions: readonly Division[],
  k: number,
  { signal, onProgress }: { signal?: AbortSignal; onProgress?: (rows: number, total: number) => void },
): Promise<CellNeighbors[]> {
  const { arena, pool, metric, rows, width, bytes, squares, mean, count } = points;
  const exact = queries.map((query) => {
    const vector = normalisedQuery(metric, query);
    const padded = new Float64Array(width);
    for (let d = 0; d < vector.length; d++) padded[d] = vector[d]! - mean[d]!;
    return padded;
  });
  const lengths = exact.map((query) => Math.hypot(...query));
  const mark = arena.mark();
  const kernelQueries = makeCentroids(points, queries.length);
  for (const [q, query] of exact.entries()) {
    kernelQueries.rows.values.set(query, q * width);
    measure(points, kernelQueries, q);
  }
  const scores = arena.f32(blockRows * queries.length);
  const lists = divisions.map(({ cells }) => new Lists(queries.length, cells, k));
  const farOf = (q: number, row: number) => distanceOf(metric, exact[q]!, rows.values, row * width);
  for (let start = 0; start < count; start += blockRows) {
    signal?.throwIfAborted();
    const size = Math.min(blockRows, count - start);
    await pool.run("scores", size, 128, [
      0,
      rows.at + start * bytes,
      bytes,
      kernelQueries.rows.at,
      kernelQueries.bias.at,
      kernelQueries.padded,
      scores.at,
      queries.length,
    ]);
    for (let i = 0; i < size; i++) {
      const row = start + i;
      const square = squares.values[row]!;
      const length = Math.sqrt(square);
      for (let q = 0, at = i * queries.length; q < queries.length; q++, at++) {
        const score = scores.values[at]!;
        const far = metric === "l2" ? square + 2 * score : score;
        const least = far - margin * (metric === "l2" ? (length + lengths[q]!) ** 2 : length * lengths[q]!);
        let known: number | undefined;
        for (const [d, list] of lists.entries()) {
          const { own, copy } = divisions[d]!;
          const cell = own[row]!;
          if (cell >= 0 && least < list.limit(q, cell)) list.offer(q, cell, (known ??= farOf(q, row)), row);
          const other = copy?.[row] ?? -1;
          if (other >= 0 && least < list.limit(q, other)) list.offer(q, other, (known ??= farOf(q, row)), row);
        }
      }
    }
    onProgress?.(start + size, count);
  }
  arena.release(mark);
  return lists;
}

function distanceOf(metric: Metric, query: Float64Array, rows: Float32Array, at: number): number {
  let sum = 0;
  if (metric === "l2")
    for (let d = 0; d < query.length; d++) {
      const difference = query[d]! - rows[at + d]!;
      sum += difference * difference;
    }
  else for (let d = 0; d < query.length; d++) sum -= query[d]! * rows[at + d]!;
  return sum;
}

/** A short sorted list for each query and cell. For ks of up to a few hundred an insertion is cheaper than a heap. */
class Lists implements CellNeighbors {
  readonly k: number;
  readonly #queries: number;
  readonly #far: Float64Array;
  readonly #rows: Int32Array;
  readonly #held: Int32Array;

  constructor(queries: number, cells: number, k: number) {
    this.k = k;
    this.#queries = queries;
    this.#far = new Float64Array(queries * cells * k).fill(Infinity);
    this.#rows = new Int32Array(queries * cells * k);
    this.#held = new Int32Array(queries * cells);
  }

  /** What a row must be below to be among the nearest. */
  limit(query: number, cell: number): number {
    return this.#far[(cell * this.#queries + query + 1) * this.k - 1]!;
  }

  offer(query: number, cell: number, far: number, row: number): void {
    const list = cell * this.#queries + query;
    const first = list * this.k;
    const held = this.#held[list]!;
    let at = first + held;
    if (held < this.k) this.#held[list]!++;
    else if (far >= this.#far[--at]!) return;
    while (at > first && this.#far[at - 1]! > far) {
      this.#far[at] = this.#far[at - 1]!;
      this.#rows[at] = this.#rows[at - 1]!;
      at--;
    }
    this.#far[at] = far;
    this.#rows[at] = row;
  }

  far(query: number, cell: number): Float64Array {
    return this.#slice(this.#far, query, cell);
  }

  rows(query: number, cell: number): Int32Array {
    return this.#slice(this.#rows, query, cell);
  }

  #slice<T extends Float64Array | Int32Array>(of: T, query: number, cell: number): T {
    const list = cell * this.#queries + query;
    return of.subarray(list * this.k, list * this.k + this.#held[list]!) as T;
  }
}
