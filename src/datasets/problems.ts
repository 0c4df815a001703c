import { type RagctlError, usageError } from "../errors.ts";

/** Exit 2 that names the file and, where it is about one, the row (from 0). */
export function datasetError(path: string, message: string, row?: number): RagctlError {
  return usageError([{ file: path, message: row === undefined ? message : `row ${row}: ${message}` }], {
    code: "dataset-invalid",
    hint: `${row === undefined ? "" : "Rows count from 0. "}Check ${message === "no such file" ? "the name" : "how the file was written, or that it was copied whole"}.`,
  });
}

/** @throws where the dimension is not the one that was asked for */
export function checkDim(path: string, dim: number, wanted: number | undefined): void {
  if (wanted !== undefined && dim !== wanted)
    throw datasetError(path, `vectors have ${dim} dimensions, and ${wanted} are wanted`);
}

/** The largest 32-bit float. */
const largest = 3.4028234663852886e38;

/** Whether no component is NaN or infinite. Comparisons alone, which NaN fails: several times as fast as a call for each. */
export function allFinite(vector: Float32Array): boolean {
  for (let i = 0; i < vector.length; i++) if (!(Math.abs(vector[i]!) <= largest)) return false;
  return true;
}

/** @throws where a component is NaN or infinite: no store takes it, and no distance to it means anything */
export function checkFinite(path: string, vector: Float32Array, row: number): Float32Array {
  if (allFinite(vector)) return vector;
  for (let i = 0; i < vector.length; i++)
    if (!Number.isFinite(vector[i]!)) throw datasetError(path, `component ${i} is ${vector[i]}, not a finite number`, row);
  return vector;
}

/** How many rows a read from `start` really gets. */
export function clampCount(path: string, rows: number, start: number, count: number): number {
  if (!Number.isInteger(start) || start < 0 || start > rows)
    throw datasetError(path, `there is no row ${start}: the file has ${rows}`);
  return Math.max(0, Math.min(count, rows - start));
}
