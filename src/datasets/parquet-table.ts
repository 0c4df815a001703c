import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import type { Compressors, FileMetaData } from "hyparquet";
import { openBytes } from "./file-bytes.ts";
import { datasetError } from "./problems.ts";

/** A Parquet file as rows; they count from 0. */
export interface ParquetTable {
  readonly path: string;
  readonly rows: number;
  /** Names of the top-level columns. */
  readonly columns: readonly string[];
  readonly metadata: FileMetaData;
  /**
   * Stretches of rows that cost least to read, one after the other: row groups, or parts of them where the file has an index of its pages.
   * A row group is decoded whole otherwise, so memory is bounded by the file's own.
   */
  readonly stretches: readonly { start: number; count: number }[];
  /** Values of these columns (default: all) in `count` rows from `start` on. @throws RagctlError exit 2 where they cannot be decoded */
  read(start: number, count: number, columns?: string[]): Promise<Record<string, unknown>[]>;
  close(): Promise<void>;
}

const rowsOfStretch = 8192;

/** @throws RagctlError exit 2: no such file, not Parquet, cut short */
export async function openParquetTable(path: string): Promise<ParquetTable> {
  const file = await openBytes(path);
  const { parquetMetadataAsync, parquetReadObjects, parquetSchema } = await import("hyparquet");
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
    await file.close();
    throw datasetError(path, `not a readable Parquet file, or cut short: ${(error as Error).message}`);
  }
  const rows = Number(metadata.num_rows);
  return {
    path,
    rows,
    columns: parquetSchema(metadata).children.map(({ element }) => element.name),
    metadata,
    stretches: stretchesOf(metadata),
    read: async (start, count, columns) => {
      const rowEnd = Math.min(rows, start + count);
      if (rowEnd <= start) return [];
      try {
        return await parquetReadObjects({
          file: buffer,
          metadata,
          ...(columns ? { columns } : {}),
          rowStart: start,
          rowEnd,
          compressors,
          useOffsetIndex: true,
        });
      } catch (error) {
        const of = columns?.length === 1 ? ` of ${columns[0]}` : "";
        throw datasetError(path, `rows ${start} to ${rowEnd - 1}${of} cannot be read: ${(error as Error).message}`);
      }
    },
    close: () => file.close(),
  };
}

function stretchesOf({ row_groups: groups }: FileMetaData): { start: number; count: number }[] {
  const stretches: { start: number; count: number }[] = [];
  let start = 0;
  for (const group of groups) {
    const rows = Number(group.num_rows);
    const indexed = group.columns.every((column) => column.offset_index_offset !== undefined);
    const size = indexed ? rowsOfStretch : rows;
    for (let at = 0; at < rows; at += size) stretches.push({ start: start + at, count: Math.min(size, rows - at) });
    start += rows;
  }
  return stretches;
}

/** Snappy is hyparquet's own; the others are Node's. */
const compressors: Compressors = {
  GZIP: (input) => gunzipSync(input),
  ZSTD: (input) => zstdDecompressSync(input),
  BROTLI: (input) => brotliDecompressSync(input),
};
