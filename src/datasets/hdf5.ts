import type { Dataset as H5Dataset, File as H5File } from "h5wasm/node";
import type { Dataset, DatasetOptions, Neighbors } from "./contract.ts";
import { openBytes } from "./file-bytes.ts";
import { checkDim, checkFinite, clampCount, datasetError } from "./problems.ts";

type Numbers = Float32Array | Float64Array | Int32Array | Uint8Array | Int8Array | Uint32Array | Int16Array | Uint16Array;

/**
 * HDF5 in the layout of ann-benchmarks (github.com/erikbern/ann-benchmarks): `train` and `test` of vectors, `neighbors` (row numbers of
 * train) and `distances` for each row of test; the attribute `distance` names the metric. Ground truth belongs to `test` alone.
 * Rows are read by hyperslab, so memory is bounded by the stretch that is asked for.
 */
export async function openHdf5(path: string, options: DatasetOptions): Promise<Dataset> {
  await (await openBytes(path)).close();
  const { default: h5 } = await import("h5wasm/node");
  const module = await h5.ready;
  // Otherwise the library prints its own stack of errors to stderr, and goes on.
  module.activate_throwing_error_handler();
  let file: H5File;
  try {
    file = new h5.File(path, "r");
  } catch (error) {
    throw datasetError(path, openingProblem((error as Error).message));
  }
  try {
    return readLayout(path, file, options);
  } catch (error) {
    file.close();
    throw error;
  }
}

function openingProblem(message: string): string {
  if (/truncated/i.test(message)) return "cut short: the HDF5 file is smaller than its own superblock says";
  return `not a readable HDF5 file: ${causeOf(message)}`;
}

/** The library's message is its stack of errors, the cause last: `#006: file.c line 1 in f(): the cause`. */
function causeOf(message: string): string {
  return [...message.matchAll(/#\d+: .*\(\): (.*)/g)].at(-1)?.[1] ?? message.split("\n")[0]!;
}

function readLayout(path: string, file: H5File, options: DatasetOptions): Dataset {
  const field = options.field ?? "train";
  const vectors = matrix(path, file, field);
  const [rows, dim] = vectors.shape;
  if (rows === 0 || dim === 0) throw datasetError(path, `/${field} holds no vectors: its shape is (${rows}, ${dim})`);
  checkDim(path, dim, options.dim);
  const truth = field === "test" && file.keys().includes("neighbors") ? matrix(path, file, "neighbors") : undefined;
  const distances = truth && file.keys().includes("distances") ? matrix(path, file, "distances") : undefined;
  for (const [name, part] of [["neighbors", truth] as const, ["distances", distances] as const])
    if (part && part.shape[0] !== rows) throw datasetError(path, `/${name} has ${part.shape[0]} rows, /test has ${rows}`);
  const baseRows = truth && file.keys().includes("train") ? matrix(path, file, "train").shape[0] : undefined;
  const distance = file.attrs["distance"]?.value;

  return {
    path,
    kind: "hdf5",
    rows,
    dim,
    rowsOf: async (start, count) => {
      const take = clampCount(path, rows, start, count);
      const values = vectors.read(start, take);
      return Array.from({ length: take }, (_, i) =>
        checkFinite(path, Float32Array.from(values.subarray(i * dim, (i + 1) * dim)), start + i),
      );
    },
    ...(truth
      ? {
          neighbors: async (start: number, count: number): Promise<Neighbors[]> => {
            const take = clampCount(path, rows, start, count);
            const width = truth.shape[1];
            const ids = truth.read(start, take);
            const far = distances?.shape[1] === width ? distances.read(start, take) : undefined;
            const stretch = (from: Numbers, i: number) => from.subarray(i * width, (i + 1) * width);
            return Array.from({ length: take }, (_, i) => ({
              rows: Int32Array.from(stretch(ids, i)),
              ...(far ? { distances: Float32Array.from(stretch(far, i)) } : {}),
            }));
          },
        }
      : {}),
    ...(baseRows === undefined ? {} : { baseRows }),
    ...(typeof distance === "string" ? { distance } : {}),
    close: async () => void file.close(),
  };
}

interface Matrix {
  shape: [rows: number, dim: number];
  read(start: number, count: number): Numbers;
}

function matrix(path: string, file: H5File, name: string): Matrix {
  const there = file.keys();
  if (!there.includes(name))
    throw datasetError(path, `has no data set /${name}; it has ${there.map((key) => `/${key}`).join(", ") || "none"}`);
  const entity = file.get(name);
  if (!entity || !("slice" in entity)) throw datasetError(path, `/${name} is a group, and a data set is wanted`);
  const dataset: H5Dataset = entity;
  const { shape } = dataset;
  if (shape?.length !== 2)
    throw datasetError(
      path,
      `/${name} has the shape (${shape?.join(", ")}): one row per vector, so 2 dimensions, is what is read`,
    );
  const problem = (message: string) => datasetError(path, `/${name}: ${message}`);
  return {
    shape: [shape[0]!, shape[1]!],
    read: (start, count) => {
      if (count === 0) return new Float32Array(0);
      let values: unknown;
      try {
        values = dataset.slice([[start, start + count], []]);
      } catch (error) {
        throw problem(
          `rows ${start} to ${start + count - 1} cannot be read, the file is damaged or cut short: ${causeOf((error as Error).message)}`,
        );
      }
      if (!ArrayBuffer.isView(values) || values instanceof BigInt64Array || values instanceof BigUint64Array)
        return numbersOf(values) ?? raise(problem(`components of type ${JSON.stringify(dataset.dtype)} are not supported`));
      return values as Numbers;
    },
  };
}

/** 64-bit neighbours come as BigInts; row numbers fit a double. */
function numbersOf(values: unknown): Float64Array | undefined {
  return values instanceof BigInt64Array || values instanceof BigUint64Array ? Float64Array.from(values, Number) : undefined;
}

function raise(error: Error): never {
  throw error;
}
