import type { Distance, PointId } from "../../stores/contract.ts";

/** Base vectors, read a stretch at a time: a `Dataset`, or the points of a collection by scroll. */
export interface VectorSource {
  rows: number;
  rowsOf(start: number, count: number): Promise<ArrayLike<number>[]>;
  /** Default: the row's number. */
  idOf?(row: number): PointId;
}

export interface ExactOptions {
  k: number;
  distance: Distance;
  /** Rows read at once. Default: about 8 MiB of vectors. */
  stretch?: number;
  signal?: AbortSignal;
  onProgress?: (rowsDone: number) => void;
}

export interface ExactTruth {
  ids: PointId[];
  scores: number[];
}

/**
 * The exact k nearest rows of every query, by comparing each with all. Scores as stores give them: cosine similarity, dot product, Euclidean
 * distance. Memory: one stretch of rows, and k neighbours a query. Ties go to the lower row.
 */
export async function exactNeighbors(
  source: VectorSource,
  queries: readonly ArrayLike<number>[],
  options: ExactOptions,
): Promise<ExactTruth[]> {
  const { k, distance, signal, onProgress } = options;
  const dim = queries[0]?.length ?? 0;
  const stretch = options.stretch ?? Math.max(1, Math.floor((8 << 20) / (4 * Math.max(1, dim))));
  const prepared = queries.map((query) => (distance === "Cosine" ? normalised(query) : Float32Array.from(query)));
  const best = queries.map(() => new Nearest(k));
  for (let start = 0; start < source.rows; start += stretch) {
    signal?.throwIfAborted();
    const rows = await source.rowsOf(start, stretch);
    for (const [at, row] of rows.entries()) {
      const vector = distance === "Cosine" ? normalised(row) : row;
      for (let q = 0; q < prepared.length; q++) best[q]!.offer(start + at, gainOf(prepared[q]!, vector, distance));
    }
    onProgress?.(start + rows.length);
  }
  const idOf = source.idOf?.bind(source) ?? ((row: number) => row);
  return best.map((nearest) => ({
    ids: nearest.rows.map(idOf),
    // A gain of −d² is a distance of d.
    scores: nearest.gains.map((gain) => (distance === "Euclid" ? Math.sqrt(-gain) : gain)),
  }));
}

/** One score as stores give it: cosine similarity, dot product, Euclidean distance. */
export function scoreOf(a: ArrayLike<number>, b: ArrayLike<number>, distance: Distance): number {
  if (distance === "Cosine") return gainOf(normalised(a), normalised(b), distance);
  const gain = gainOf(a, b, distance);
  return distance === "Euclid" ? Math.sqrt(-gain) : gain;
}

/** More is nearer, whatever the distance. */
function gainOf(a: ArrayLike<number>, b: ArrayLike<number>, distance: Distance): number {
  let sum = 0;
  if (distance === "Euclid")
    for (let i = 0; i < a.length; i++) {
      const difference = a[i]! - b[i]!;
      sum -= difference * difference;
    }
  else for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** Of length 1; a zero vector stays zero, and is similar to nothing. */
function normalised(vector: ArrayLike<number>): Float64Array {
  let squares = 0;
  for (let i = 0; i < vector.length; i++) squares += vector[i]! * vector[i]!;
  const scale = squares > 0 ? 1 / Math.sqrt(squares) : 0;
  return Float64Array.from(vector, (value) => value * scale);
}

/** The k largest gains seen, best first. For k up to a few hundred an insertion is cheaper than a heap: nearly every offer is refused at the door. */
class Nearest {
  readonly rows: number[] = [];
  readonly gains: number[] = [];
  readonly #k: number;

  constructor(k: number) {
    this.#k = k;
  }

  offer(row: number, gain: number): void {
    const { rows, gains } = this;
    if (gains.length === this.#k && gain <= gains[gains.length - 1]!) return;
    let at = gains.length;
    while (at > 0 && gains[at - 1]! < gain) at--;
    rows.splice(at, 0, row);
    gains.splice(at, 0, gain);
    if (gains.length > this.#k) {
      rows.pop();
      gains.pop();
    }
  }
}
