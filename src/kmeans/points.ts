import { usageError } from "../errors.ts";
import { Arena, type Block } from "./arena.ts";
import type { FitDeps, Metric, RowSource } from "./contract.ts";
import { openPool, type Pool } from "./threads/pool.ts";

/** Rows of one stretch that a file is read in. */
export const stretchRows = 4096;
const chunkRows = 1024;

/** The vectors that a fit works on, in the shared memory, ready for the kernel. */
export interface Points {
  readonly arena: Arena;
  readonly pool: Pool;
  readonly metric: Metric;
  readonly rows: Block<Float32Array>;
  readonly count: number;
  readonly dim: number;
  /** Floats of a row: `dim`, padded with zeros to a multiple of four. */
  readonly width: number;
  /** Of a row. */
  readonly bytes: number;
  /** Squared lengths. */
  readonly squares: Block<Float32Array>;
  /** A row's inertia is base + 2 × score, a score being bias − x·c: ‖x‖² under l2, 2‖x‖ else. */
  readonly bases: Block<Float32Array>;
  /** What was taken from every row, so that single precision suffices however far from zero they lie: l2 only. */
  readonly mean: Float32Array;
}

/** Room for rows that are not there yet. */
export function emptyPoints(arena: Arena, pool: Pool, metric: Metric, count: number, dim: number): Points {
  const width = Math.ceil(dim / 4) * 4;
  const rows = arena.f32(count * width);
  // Given back memory may be given out again: the padding must be zero.
  if (width !== dim) rows.values.fill(0);
  const squares = arena.f32(count);
  const bases = metric === "l2" ? squares : arena.f32(count);
  return { arena, pool, metric, rows, count, dim, width, bytes: width * 4, squares, bases, mean: new Float32Array(width) };
}

/**
 * Reads the rows to fit on: all, or every so many, chosen at random by `chosen`.
 * @param chosen ascending row numbers; absent: all
 */
export async function readPoints(
  source: RowSource,
  metric: Metric,
  chosen: Int32Array | undefined,
  deps: FitDeps & { threads: number },
): Promise<Points> {
  const arena = new Arena();
  const pool = openPool(arena, deps.threads, deps.variant);
  try {
    const points = emptyPoints(arena, pool, metric, chosen?.length ?? source.rows, source.dim);
    let taken = 0;
    for (let start = 0; start < source.rows && taken < points.count; start += stretchRows) {
      deps.signal?.throwIfAborted();
      const vectors = await source.rowsOf(start, stretchRows);
      if (vectors.length === 0) throw usageError([{ file: source.path, message: `ends at row ${start} of ${source.rows}` }]);
      for (let i = 0; i < vectors.length && taken < points.count; i++) {
        if (chosen && chosen[taken] !== start + i) continue;
        points.rows.values.set(vectors[i]!, taken++ * points.width);
      }
      deps.onProgress?.("read", Math.min(source.rows, start + vectors.length), source.rows);
    }
    if (metric === "l2") points.mean.set(meanOf(points));
    await preparePoints(points, points.count);
    return points;
  } catch (error) {
    await pool.close();
    throw error;
  }
}

/** Makes the first `count` rows, as they were read, ready for the kernel: moved or scaled, and measured. */
export async function preparePoints(points: Points, count: number): Promise<void> {
  const { arena, pool, metric, rows, bytes, squares, bases } = points;
  if (metric === "l2" && points.mean.some((value) => value !== 0)) {
    const mark = arena.mark();
    const by = arena.f32(points.width);
    by.values.set(points.mean);
    await pool.run("shift", count, chunkRows, [rows.at, bytes, by.at]);
    arena.release(mark);
  }
  await pool.run("prepare", count, chunkRows, [rows.at, bytes, squares.at, metric === "cosine" ? 1 : 0]);
  if (metric !== "l2") for (let i = 0; i < count; i++) bases.values[i] = 2 * Math.sqrt(squares.values[i]!);
}

/** Of a sixteenth of the rows, at least 10,000: near enough to the middle is enough. Row by row, so that it is the same on every machine. */
function meanOf({ rows, count, width }: Points): Float32Array {
  const step = Math.max(1, Math.min(16, Math.floor(count / 10_000)));
  const sums = new Float64Array(width);
  for (let i = 0; i < count; i += step) for (let d = 0, at = i * width; d < width; d++, at++) sums[d]! += rows.values[at]!;
  const used = Math.ceil(count / step);
  return Float32Array.from(sums, (sum) => sum / used);
}
