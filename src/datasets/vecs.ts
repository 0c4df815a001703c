import type { Dataset, DatasetOptions, OpenDataset } from "./contract.ts";
import { type FileBytes, openBytes } from "./file-bytes.ts";
import { checkDim, checkFinite, clampCount, datasetError } from "./problems.ts";

type VecsKind = "fvecs" | "bvecs" | "ivecs";
const componentBytes: Record<VecsKind, number> = { fvecs: 4, bvecs: 1, ivecs: 4 };

/** A dimension beyond this is no dimension but a file of another format. */
const largestDim = 1_000_000;

/**
 * The TEXMEX formats (corpus-texmex.irisa.fr): each row is its dimension, a little-endian int32, and then as many float32 (fvecs), bytes
 * (bvecs) or int32 (ivecs). ivecs are usually true neighbours: `neighbors` gives them as integers.
 */
export const openVecs =
  (kind: VecsKind): OpenDataset =>
  async (path: string, options: DatasetOptions): Promise<Dataset> => {
    const file = await openBytes(path);
    try {
      return await readHeader(kind, file, options);
    } catch (error) {
      await file.close();
      throw error;
    }
  };

async function readHeader(kind: VecsKind, file: FileBytes, options: DatasetOptions): Promise<Dataset> {
  const { path, size } = file;
  if (size < 4) throw datasetError(path, `cut short: ${size} bytes, and the dimension alone takes 4`, 0);
  const dim = (await file.read(0, 4)).readInt32LE(0);
  if (dim < 1 || dim > largestDim) throw datasetError(path, `a dimension of ${dim}: this is not an ${kind} file`, 0);
  checkDim(path, dim, options.dim);
  const rowBytes = 4 + dim * componentBytes[kind];
  const rows = Math.floor(size / rowBytes);
  if (size % rowBytes !== 0) throw await explainRemainder(file, dim, rowBytes);

  const read = async <T>(start: number, count: number, decode: (bytes: Buffer, row: number) => T): Promise<T[]> => {
    const take = clampCount(path, rows, start, count);
    const bytes = await file.read(start * rowBytes, take * rowBytes);
    return Array.from({ length: take }, (_, i) => {
      const row = bytes.subarray(i * rowBytes, (i + 1) * rowBytes);
      const stated = row.readInt32LE(0);
      if (stated !== dim) throw datasetError(path, `has ${stated} dimensions, the rows before it ${dim}`, start + i);
      return decode(row.subarray(4), start + i);
    });
  };
  return {
    path,
    kind,
    rows,
    dim,
    rowsOf: (start, count) => read(start, count, (bytes, row) => checkFinite(path, decoders[kind](bytes, dim), row)),
    ...(kind === "ivecs"
      ? {
          neighbors: (start, count) =>
            read(start, count, (bytes) => ({ rows: Int32Array.from({ length: dim }, (_, i) => bytes.readInt32LE(i * 4)) })),
        }
      : {}),
    close: () => file.close(),
  };
}

const decoders: Record<VecsKind, (bytes: Buffer, dim: number) => Float32Array> = {
  fvecs: (bytes, dim) => {
    const vector = new Float32Array(dim);
    // Rows do not begin at multiples of four, so they are copied; both sides are little-endian (as every engine of ours is).
    new Uint8Array(vector.buffer).set(bytes.subarray(0, dim * 4));
    return vector;
  },
  bvecs: (bytes) => Float32Array.from(bytes),
  ivecs: (bytes, dim) => {
    const vector = new Float32Array(dim);
    for (let i = 0; i < dim; i++) vector[i] = bytes.readInt32LE(i * 4);
    return vector;
  },
};

/** The size is no multiple of the row: a row of another dimension, or the end is missing? The rows' own headers tell. */
async function explainRemainder(file: FileBytes, dim: number, rowBytes: number): Promise<Error> {
  for (let row = 0; ; row++) {
    const offset = row * rowBytes;
    if (offset + 4 <= file.size) {
      const stated = (await file.read(offset, 4)).readInt32LE(0);
      if (stated !== dim) return datasetError(file.path, `has ${stated} dimensions, the rows before it ${dim}`, row);
    }
    if (offset + rowBytes > file.size)
      return datasetError(file.path, `cut short: ${file.size - offset} of ${rowBytes} bytes`, row);
  }
}
