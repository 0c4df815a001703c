import type { Dataset, DatasetOptions } from "./contract.ts";
import { defaultTextFields, defaultVectorFields } from "./fields.ts";
import { openBytes } from "./file-bytes.ts";
import { indexLines } from "./lines.ts";
import { datasetError } from "./problems.ts";
import { lineDataset, type LineParser } from "./rows.ts";

/**
 * Comma-separated values (RFC 4180). Without a header every cell is a component. With one (a first line that is not all numbers): a column that holds a
 * vector as `[0.1, 0.2]` or a text, or else every column is a component.
 */
export async function openCsv(path: string, options: DatasetOptions): Promise<Dataset> {
  const file = await openBytes(path);
  try {
    const index = await indexLines(file, { quotes: true });
    const [first, second] = await index.read(0, 2);
    if (first === undefined) throw datasetError(path, "holds no rows");
    const header = cellsOf(first);
    if (header.every(isNumber)) return await lineDataset(file, "csv", index, 0, { vector: components }, options.dim);
    if (second === undefined) throw datasetError(path, "holds a header and no rows");
    return await lineDataset(file, "csv", index, 1, parserFor(path, header, cellsOf(second), options.field), options.dim);
  } catch (error) {
    await file.close();
    throw error;
  }
}

function parserFor(path: string, header: string[], first: string[], field: string | undefined): LineParser {
  if (field !== undefined && !header.includes(field))
    throw datasetError(path, `has no column "${field}"; it has ${header.join(", ")}`);
  const find = (preferred: readonly string[], fits: (cell: string) => boolean): number => {
    const names = field === undefined ? [...preferred, ...header] : [field];
    const name = names.find((name) => header.includes(name) && fits(first[header.indexOf(name)] ?? ""));
    return name === undefined ? -1 : header.indexOf(name);
  };
  const vectorAt = find(defaultVectorFields, (cell) => cell.trimStart().startsWith("["));
  const textAt = find(defaultTextFields, (cell) => cell !== "" && !isNumber(cell) && !cell.trimStart().startsWith("["));
  const parser: LineParser = {
    ...(vectorAt < 0 ? {} : { vector: (line: string) => listOf(cellsOf(line)[vectorAt] ?? "") }),
    ...(textAt < 0 ? {} : { text: (line: string) => cellsOf(line)[textAt] ?? "" }),
  };
  if (vectorAt >= 0 || textAt >= 0) return parser;
  if (field === undefined && first.every(isNumber)) return { vector: components };
  throw datasetError(path, `has no ${field === undefined ? "column" : `column "${field}"`} with a vector or a text`, 0);
}

/** The cells of one record. Quotes double within quotes. */
function cellsOf(line: string): string[] {
  const cells: string[] = [];
  let cell = "";
  let inside = false;
  // A byte order mark is no part of the first cell.
  const text = line.startsWith("\uFEFF") ? line.slice(1) : line;
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if (character === '"') {
      if (inside && text[at + 1] === '"') cell += text[at++];
      else inside = !inside;
    } else if (character === "," && !inside) {
      cells.push(cell);
      cell = "";
    } else cell += character;
  }
  return [...cells, cell];
}

function components(line: string): Float64Array {
  return Float64Array.from(cellsOf(line), (cell, i) => {
    if (cell.trim() === "") throw new Error(`component ${i} is empty`);
    if (!isNumber(cell)) throw new Error(`component ${i} is "${cell}", not a number`);
    return Number(cell);
  });
}

function listOf(cell: string): number[] {
  let value: unknown;
  try {
    value = JSON.parse(cell);
  } catch {
    value = undefined;
  }
  if (!Array.isArray(value) || !value.every((component) => typeof component === "number"))
    throw new Error(`"${cell.slice(0, 40)}" is no list of numbers such as [0.1, 0.2]`);
  return value;
}

/** NaN and infinity count, so that they are called by their name later on. */
function isNumber(cell: string): boolean {
  return cell.trim() !== "" && (!Number.isNaN(Number(cell)) || /^\s*[-+]?(nan|inf(inity)?)\s*$/i.test(cell));
}
