import { openParquetTable, type ParquetTable } from "../../datasets/parquet-table.ts";
import type { DeadRecord, InputFile, Item, Reader, ReaderOptions } from "../contract.ts";
import { localFile } from "../inputs/local-copy.ts";
import { deadFile } from "./lost.ts";
import { documentOf } from "./record.ts";
import { datasetProblem } from "./vectors.ts";

/** A record a row; its fields are the columns. */
export const parquetReader: Reader = async function* (file, options, context): AsyncGenerator<Item> {
  let local: Awaited<ReturnType<typeof localFile>> | undefined;
  let table: ParquetTable | undefined;
  const begin = context.from?.row ?? 0;
  try {
    local = await localFile(file, context);
    table = await openParquetTable(local.path);
    const columns = wantedColumns(table.columns, options);
    for (const stretch of table.stretches) {
      const end = stretch.start + stretch.count;
      if (end > begin) yield* itemsOf(file, table, Math.max(begin, stretch.start), end, columns, options, context.signal);
      if (!file.compression && !file.stream) context.onBytes((file.bytes * stretch.count) / table.rows);
    }
  } catch (error) {
    yield deadFile(file, datasetProblem(error, context.signal));
  } finally {
    await table?.close();
    await local?.dispose();
  }
};

async function* itemsOf(
  file: InputFile,
  table: ParquetTable,
  start: number,
  end: number,
  columns: string[] | undefined,
  options: ReaderOptions,
  signal: AbortSignal,
): AsyncGenerator<Item> {
  let rows: Record<string, unknown>[];
  try {
    rows = await table.read(start, end - start, columns);
  } catch (error) {
    const origin = { source: file.name, row: start };
    yield { kind: "dead", origin, stage: "read", reason: datasetProblem(error, signal), rows: end - start };
    return;
  }
  for (const [at, row] of rows.entries()) {
    signal.throwIfAborted();
    const origin = { source: file.name, row: start + at };
    const record = Object.fromEntries(
      Object.entries(row).map(([name, value]) => [name, name === options.vectorField ? value : plain(value)]),
    );
    const outcome = documentOf(record, options, origin, () => JSON.stringify(record));
    yield typeof outcome === "string" ? deadRow(origin, outcome, record) : outcome;
  }
}

function deadRow(origin: DeadRecord["origin"], reason: string, record: Record<string, unknown>): DeadRecord {
  return { kind: "dead", origin, stage: "read", reason, record: JSON.stringify(record, (_, value: unknown) => plain(value)) };
}

/** What is stored, and what a document is made of; undefined: all of them. */
function wantedColumns(columns: readonly string[], options: ReaderOptions): string[] | undefined {
  const { payload, idField, textField, titleField, vectorField } = options;
  if (payload === "all") return undefined;
  const wanted = new Set([...(payload === "none" ? [] : payload), idField, textField, titleField, vectorField]);
  return columns.filter((name) => wanted.has(name));
}

/** A value as JSON has it: whole numbers that fit, times in ISO 8601, bytes in base64. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<unknown>, plain);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]));
  return value;
}
