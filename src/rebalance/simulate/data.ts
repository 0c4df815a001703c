import { usageError } from "../../errors.ts";
import { chooseRows, readPoints, rngFor, type FitDeps, type Metric, type Points, type RowSource } from "../../kmeans/index.ts";
import { counted, type Rows } from "../sources.ts";
import type { Queries } from "./contract.ts";

/** Rows of one stretch that a file is read in. */
const stretchRows = 4096;

export interface DataOptions {
  metric: Metric;
  /** Rows that take part. */
  sample: number | "all";
  /** Rows that are taken out to be queries, where there are none else. */
  heldOut?: number;
  seed: number;
}

export interface SimulationData {
  points: Points;
  keyOf: (row: number) => string;
  /** Held-out rows, each once; where none were asked for, empty. */
  heldOut: Queries;
}

/** Reads the rows to be searched into memory, and those that are held out to be queries: nothing is found that is itself the question. */
export async function readData(
  rows: Rows,
  { metric, sample, heldOut = 0, seed }: DataOptions,
  deps: FitDeps & { threads: number },
): Promise<SimulationData> {
  const all = chooseRows(rows.rows, sample === "all" ? rows.rows : sample, rngFor(seed, "sample"));
  // No more than a tenth: what is left must still be the collection.
  const count = Math.min(heldOut, Math.floor(all.length / 10));
  if (heldOut > 0 && count === 0)
    throw usageError([{ file: rows.path, message: `has ${all.length} rows: too few to hold any out as queries` }], {
      hint: "Give queries with --queries.",
    });
  const out = new Set(Array.from(chooseRows(all.length, count, rngFor(seed, "held-out")), (at) => all[at]!));
  const kept = all.filter((row) => !out.has(row));
  const vectors = await vectorsAt(
    rows,
    [...out].sort((a, b) => a - b),
  );
  const points = await readPoints(rows, metric, kept, deps);
  return { points, keyOf: (row) => rows.keyOf(kept[row]!), heldOut: counted(vectors) };
}

/** @param wanted ascending row numbers */
async function vectorsAt(source: RowSource, wanted: readonly number[]): Promise<Float32Array[]> {
  const vectors: Float32Array[] = [];
  for (let at = 0; at < wanted.length;) {
    const start = wanted[at]!;
    const stretch = await source.rowsOf(start, stretchRows);
    for (; at < wanted.length && wanted[at]! < start + stretch.length; at++) vectors.push(stretch[wanted[at]! - start]!);
  }
  return vectors;
}

/** The same rows as a source to fit to; under cosine, of length one. */
export function sourceOf({ rows, dim, width, mean, count }: Points, path: string): RowSource {
  return {
    rows: count,
    dim,
    path,
    rowsOf: (start, wanted) =>
      Promise.resolve(
        Array.from({ length: Math.max(0, Math.min(wanted, count - start)) }, (_, i) => {
          const at = (start + i) * width;
          return Float32Array.from({ length: dim }, (_, d) => rows.values[at + d]! + mean[d]!);
        }),
      ),
  };
}
