import type { Dataset, DatasetOptions } from "./contract.ts";
import { defaultTextFields, defaultVectorFields } from "./fields.ts";
import { openBytes } from "./file-bytes.ts";
import { indexLines } from "./lines.ts";
import { datasetError } from "./problems.ts";
import { lineDataset, type LineParser } from "./rows.ts";

/** One JSON value per line: an array of numbers, a string, or an object with a field that is either. The first line says which. */
export async function openJsonl(path: string, options: DatasetOptions): Promise<Dataset> {
  const file = await openBytes(path);
  try {
    const index = await indexLines(file, { quotes: false });
    const [first] = await index.read(0, 1);
    if (first === undefined) throw datasetError(path, "holds no rows");
    let value: unknown;
    try {
      value = parse(first);
    } catch (error) {
      throw datasetError(path, (error as Error).message, 0);
    }
    return await lineDataset(file, "jsonl", index, 0, parserFor(path, value, options.field), options.dim);
  } catch (error) {
    await file.close();
    throw error;
  }
}

function parserFor(path: string, first: unknown, field: string | undefined): LineParser {
  if (Array.isArray(first)) return { vector: (line) => numbers(parse(line)) };
  if (typeof first === "string") return { text: (line) => textOf(parse(line)) };
  if (typeof first !== "object" || first === null) throw datasetError(path, "is neither an array, a text nor an object", 0);
  const record = first as Record<string, unknown>;
  const names = Object.keys(record);
  const find = (preferred: readonly string[], fits: (value: unknown) => boolean) =>
    field === undefined ? [...preferred, ...names].find((name) => fits(record[name])) : fits(record[field]) ? field : undefined;
  const vectorField = find(defaultVectorFields, Array.isArray);
  const textField = find(defaultTextFields, (value) => typeof value === "string");
  if (vectorField === undefined && textField === undefined)
    throw datasetError(
      path,
      `has no ${field === undefined ? "field" : `field "${field}"`} with a vector or a text; it has ${names.join(", ") || "none"}`,
      0,
    );
  return {
    ...(vectorField === undefined ? {} : { vector: (line) => numbers(fieldOf(line, vectorField)) }),
    ...(textField === undefined ? {} : { text: (line) => textOf(fieldOf(line, textField)) }),
  };
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new Error(`not JSON: ${(error as Error).message}`, { cause: error });
  }
}

function fieldOf(line: string, field: string): unknown {
  const value = parse(line);
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[field] : undefined;
}

function numbers(value: unknown): number[] {
  if (!Array.isArray(value) || value.length === 0) throw new Error("holds no vector: an array of numbers is wanted");
  const wrong = value.findIndex((component) => typeof component !== "number");
  if (wrong >= 0) throw new Error(`component ${wrong} is ${JSON.stringify(value[wrong])}, not a finite number`);
  return value;
}

function textOf(value: unknown): string {
  if (typeof value !== "string") throw new Error("holds no text");
  return value;
}
