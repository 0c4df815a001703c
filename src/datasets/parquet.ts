import type { FileMetaData, SchemaElement } from "hyparquet";
import type { Dataset, DatasetOptions } from "./contract.ts";
import { defaultTextFields, defaultVectorFields } from "./fields.ts";
import { openParquetTable, type ParquetTable } from "./parquet-table.ts";
import { checkDim, checkFinite, clampCount, datasetError } from "./problems.ts";

/**
 * Parquet with a column that is a list of floats (vectors), a column of strings (texts), or both. Reads one row group at a time, so memory is bounded by
 * the file's own row groups.
 */
export async function openParquet(path: string, options: DatasetOptions): Promise<Dataset> {
  const table = await openParquetTable(path);
  try {
    return await readColumns(table, options);
  } catch (error) {
    await table.close();
    throw error;
  }
}

async function readColumns(table: ParquetTable, options: DatasetOptions): Promise<Dataset> {
  const { path, rows, metadata } = table;
  if (rows === 0) throw datasetError(path, "holds no rows");
  const { vectorField, textField } = chooseColumns(path, metadata, options.field);

  const column = async (name: string, start: number, count: number): Promise<unknown[]> => {
    const objects = await table.read(start, clampCount(path, rows, start, count), [name]);
    return objects.map((object) => object[name]);
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
    close: () => table.close(),
  };
}

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
