import { openDataset, type Dataset } from "../../datasets/index.ts";
import { RagctlError, type Problem } from "../../errors.ts";
import type { InputFile, Item, Reader, ReaderName, ReaderOptions, SourceDocument } from "../contract.ts";
import { isFileError, sentenceOf } from "../inputs/file-error.ts";
import { localFile } from "../inputs/local-copy.ts";
import { defaultReaderOptions } from "./fields.ts";
import { deadFile } from "./lost.ts";

type VectorFormat = Extract<ReaderName, "npy" | "fvecs" | "bvecs" | "hdf5">;

/** Of vectors read at once: large enough that reading is not asking, small enough for any dimension. */
const bytesAtOnce = 2 ** 20;

/** A file of vectors: every row a point, whose id is the row's number. HDF5: the data set that `--vector-field` names, else `train`. */
export function vectorsReader(kind: VectorFormat): Reader {
  return async function* (file, options, context): AsyncGenerator<Item> {
    let local: Awaited<ReturnType<typeof localFile>> | undefined;
    let dataset: Dataset | undefined;
    try {
      local = await localFile(file, context);
      const { vectorField } = options;
      const named = kind === "hdf5" && vectorField !== undefined && vectorField !== defaultReaderOptions.vectorField;
      dataset = await openDataset(local.path, { kind, ...(named ? { field: vectorField } : {}) });
      const { rows, dim } = dataset;
      const count = Math.max(1, Math.floor(bytesAtOnce / (4 * dim)));
      for (let start = context.from?.row ?? 0; start < rows; start += count) {
        context.signal.throwIfAborted();
        yield* itemsOf(file, dataset, start, Math.min(count, rows - start), options, context.signal);
        if (!file.compression && !file.stream) context.onBytes((file.bytes * Math.min(count, rows - start)) / rows);
      }
    } catch (error) {
      yield deadFile(file, datasetProblem(error, context.signal));
    } finally {
      await dataset?.close();
      await local?.dispose();
    }
  };
}

/** Rows are read together; where one of them is broken, one by one. */
async function* itemsOf(
  file: InputFile,
  dataset: Dataset,
  start: number,
  count: number,
  options: ReaderOptions,
  signal: AbortSignal,
): AsyncGenerator<Item> {
  let vectors: Float32Array[];
  try {
    vectors = await dataset.rowsOf(start, count);
  } catch (error) {
    if (count > 1) {
      for (let row = start; row < start + count; row++) yield* itemsOf(file, dataset, row, 1, options, signal);
      return;
    }
    const origin = { source: file.name, row: start };
    yield {
      kind: "dead",
      origin,
      stage: "read",
      reason: datasetProblem(error, signal).replace(/^row \d+: /, ""),
      id: String(start),
    };
    return;
  }
  for (const [at, vector] of vectors.entries()) yield pointOf(file, start + at, vector, options);
}

function pointOf(file: InputFile, row: number, vector: Float32Array, options: ReaderOptions): SourceDocument {
  return {
    kind: "document",
    id: `${options.idPrefix}${row}`,
    idFromContent: false,
    origin: { source: file.name, row },
    text: "",
    format: "text",
    vector,
    fields: {},
  };
}

/**
 * What a data set's reader says of its file.
 * @throws the signal's reason after an interrupt; the error itself where it is not the file's
 */
export function datasetProblem(error: unknown, signal: AbortSignal): string {
  signal.throwIfAborted();
  if (error instanceof RagctlError && error.code === "dataset-invalid")
    return (error.details as Problem[]).map(({ message }) => message).join("; ");
  if (isFileError(error)) return `the file could not be read: ${sentenceOf(error)}`;
  throw error;
}
