import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import type { Compressors, FileMetaData, SchemaElement } from "hyparquet";
import type { Dataset, DatasetOptions } from "./contract.ts";
import { type FileBytes, openBytes } from "./file-bytes.ts";
import { defaultTextFields, defaultVectorFields } from "./fields.ts";
import { checkDim, checkFinite, clampCount, datasetError } from "./problems.ts";

/**
 * Parquet with a column that is a list of floats (vectors), a column of strings (texts), or both. Reads one row group at a time, so memory is bounded by
 * the file's own row groups.
 */
export async function openParquet(path: string, options: DatasetOptions): Promise<Dataset> {
  const file = await openBytes(path);
  try {
    return await readColumns(file, options);
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function readColumns(file: FileBytes, options: DatasetOptions): Promise<Dataset> {
  const { path } = file;
  const { parquetMetadataAsync, parquetReadObjects } = await import("hyparquet");
  const buffer = {
    byteLength: file.size,
    slice: async (start: number, end = file.size) => {
      const bytes = await file.read(start, end - start);
      return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
    },
  };
  let metadata: FileMetaData;
  try {
    metadata = await parquetMetadataAsync(buffer);
  } catch (error) {
    throw datasetError(path, `not a readable Parquet file, or cut short: ${(error as Error).message}`);
  }
  const rows = Number(metadata.num_rows);
  if (rows === 0) throw datasetError(path, "holds no rows");
  const { vectorField, textField } = chooseColumns(path, metadata, options.field);

  const column = async (name: string, start: number, count: number): Promise<unknown[]> => {
    const take = clampCount(path, rows, start, count);
    if (take === 0) return [];
    try {
      const objects = await parquetReadObjects({
        file: buffer,
        metadata,
        columns: [name],
        rowStart: start,
        rowEnd: start + take,
        compressors,
      });
      return objects.map((object) => object[name]);
    } catch (error) {
      throw datasetError(path, `rows ${start} to ${start + take - 1} of ${name} cannot be read: ${(error as Error).message}`);
    }
  };
  const decode = (value: unknown, row: number, dim: number | undefined): Float32Array => {
    if (!isNumberList(value)) throw datasetError(path, `${vectorField} holds no list of numbers`, row);
    if (dim !== undefined && value.length !== dim)
      throw datasetError(path, `has ${value.length} dimensions, the first row has ${dim}`, row);
    return checkFinite(path, Float32Array.from(value), row);
  };
  const dim = vectorField === undefined ? 0 : decode((await column(vectorField, 0, 1))[0], 0, undefined).length;
  if (vectorField !== undefined) checkDim(path, dim, options.dim);
  return {
    path,
    kind: "parquet",
    rows,
    dim,
    rowsOf: async (start, count) => {
      if (vectorField === undefined) throw datasetError(path, "has no column that is a list of numbers");
      return (await column(vectorField, start, count)).map((value, i) => decode(value, start + i, dim));
    },
    ...(textField === undefined
      ? {}
      : {
          texts: async (start: number, count: number) =>
            (await column(textField, start, count)).map((value, i) => {
              if (typeof value !== "string") throw datasetError(path, `${textField} holds no text`, start + i);
              return value;
            }),
        }),
    close: () => file.close(),
  };
}

/** Snappy is hyparquet's own; the others are Node's. */
const compressors: Compressors = {
  GZIP: (input) => gunzipSync(input),
  ZSTD: (input) => zstdDecompressSync(input),
  BROTLI: (input) => brotliDecompressSync(input),
};

/** Columns by shape: a list has children in the schema and a float or integer at its leaf. */
function chooseColumns(
  path: string,
  metadata: FileMetaData,
  field: string | undefined,
): { vectorField?: string; textField?: string } {
  const columns = topLevel(metadata.schema);
  const names = (kind: "vector" | "text") => columns.filter((column) => column.kind === kind).map(({ name }) => name);
  const pick = (all: string[], preferred: readonly string[]) => preferred.find((name) => all.includes(name)) ?? all[0];
  if (field !== undefined) {
    const found = columns.find(({ name }) => name === field);
    if (!found) throw datasetError(path, `has no column "${field}"; it has ${columns.map(({ name }) => name).join(", ")}`);
    if (found.kind === "vector") return { vectorField: field };
    if (found.kind === "text") return { textField: field };
    throw datasetError(path, `column "${field}" holds neither lists of numbers nor texts`);
  }
  const vectorField = pick(names("vector"), defaultVectorFields);
  const textField = pick(names("text"), defaultTextFields);
  if (vectorField === undefined && textField === undefined)
    throw datasetError(path, `has no column of vectors or texts; it has ${columns.map(({ name }) => name).join(", ") || "none"}`);
  return { ...(vectorField === undefined ? {} : { vectorField }), ...(textField === undefined ? {} : { textField }) };
}

function topLevel(schema: readonly SchemaElement[]): { name: string; kind: "vector" | "text" | "other" }[] {
  const columns: { name: string; kind: "vector" | "text" | "other" }[] = [];
  // The schema is its tree in depth-first order; the root is first.
  let at = 1;
  const leaf = (): SchemaElement[] => {
    const element = schema[at++]!;
    return element.num_children ? Array.from({ length: element.num_children }, leaf).flat() : [element];
  };
  while (at < schema.length) {
    const element = schema[at]!;
    const leaves = leaf();
    const repeated = element.num_children !== undefined || element.repetition_type === "REPEATED";
    const numeric = leaves.length === 1 && ["FLOAT", "DOUBLE", "INT32", "INT64"].includes(leaves[0]!.type ?? "");
    const text = !repeated && leaves[0]!.type === "BYTE_ARRAY" && leaves[0]!.converted_type !== "JSON";
    columns.push({ name: element.name, kind: repeated && numeric ? "vector" : text ? "text" : "other" });
  }
  return columns;
}

function isNumberList(value: unknown): value is ArrayLike<number> {
  if (ArrayBuffer.isView(value)) return true;
  return Array.isArray(value) && value.length > 0 && value.every((component) => typeof component === "number");
}
