import { timeFields } from "../../../timestamps.ts";
import { RagctlError, usageError } from "../../../errors.ts";
import type { ReferenceSink } from "../contract.ts";
import { readBlocks, type TakeBlock } from "./blocks.ts";
import { openSource, type ByteSource } from "./bytes.ts";
import { csvRecord } from "./cells.ts";
import { Feed } from "./feed.ts";
import { isQueryField, keyFields, sizeFields } from "./fields.ts";
import { csvRows, jsonRows, plainRows, type Columns, type RowOptions } from "./rows.ts";

type TraceFormat = "keys" | "queries" | "csv" | "jsonl";

/** What a trace holds, as its first row tells. */
export interface TraceShape {
  format: TraceFormat;
  /** Its rows tell sizes, or times. */
  sized: boolean;
  timed: boolean;
}

export interface TraceInput {
  /** A path, or `-`: stdin. */
  file: string;
  /** A trace has cache keys; a log has queries, whose normalised text is the key. */
  kind: "trace" | "log";
  stdin: NodeJS.ReadableStream;
  /** Columns of a CSV without a header: `key`, `query`, `size`, `timestamp`; any other name is passed over. */
  columns?: readonly string[];
}

export interface ReadOptions {
  seed: number;
  /** Of entries that the trace gives no size. */
  entryBytes: number;
  overheadBytes: number;
  /** Whether times are needed. */
  timed: boolean;
  signal?: AbortSignal;
  onRead?: (doneBytes: number, sizeBytes: number | undefined) => void;
}

/**
 * Reads a trace or a query log once, from its beginning to its end.
 * @param start is asked for the sink when the first row has told what the rows hold
 * @returns how many references there were
 * @throws RagctlError exit 2 with every line that is wrong (the first twenty), or what is wrong with the file as a whole
 */
export async function readTrace(
  input: TraceInput,
  start: (shape: TraceShape) => { sink: ReferenceSink } & ReadOptions,
): Promise<number> {
  const name = input.file === "-" ? "stdin" : input.file;
  let source: ByteSource | undefined;
  let feed: Feed | undefined;
  let rows: TakeBlock | undefined;
  let options: ReadOptions | undefined;
  const take: TakeBlock = (bytes, end, last) => {
    const nul = bytes.subarray(0, end).indexOf(0);
    if (nul >= 0) throw wrong(name, "holds a NUL byte: is this a text file?", (feed?.line ?? 0) + linesIn(bytes, nul));
    if (!rows) {
      const found = formatOf(bytes, end, input, name);
      if (found === "unfinished") {
        if (last) throw wrong(name, "a quote is opened and never closed", 1);
        return 0;
      }
      const { sink, ...given } = start(found.shape);
      options = given;
      feed = new Feed(sink, { seed: given.seed, file: name });
      rows = found.rows({ ...given, feed });
    }
    return rows(bytes, end, last);
  };
  try {
    source = await openSource(input.file, input.stdin);
    const opened = source;
    await readBlocks(opened, take, () => {
      options?.signal?.throwIfAborted();
      options?.onRead?.(opened.doneBytes(), opened.sizeBytes);
    });
  } catch (error) {
    if (error instanceof RagctlError || options?.signal?.aborted) throw error;
    throw wrong(name, inWords(error as NodeJS.ErrnoException), feed && feed.line > 0 ? feed.line : undefined);
  } finally {
    await source?.close();
  }
  if (!feed) throw wrong(name, "is empty");
  feed.end();
  return feed.references;
}

interface Found {
  shape: TraceShape;
  rows: (options: RowOptions) => TakeBlock;
}

function formatOf(bytes: Buffer, end: number, { kind, columns, file }: TraceInput, name: string): Found | "unfinished" {
  let begin = 0;
  while (begin < end && (bytes[begin] === 0x0a || bytes[begin] === 0x0d)) begin++;
  if (begin === end) return plain(kind);
  const first = bytes.toString("utf8", begin, bytes.indexOf(0x0a, begin)).trim();
  if (first.startsWith("{") || (kind === "log" && first.startsWith('"') && isJson(first))) {
    if (kind === "trace") throw wrong(name, "holds JSON: give it to --log instead of --trace", 1);
    return jsonl(first);
  }
  const record = csvRecord(bytes, begin, end);
  if (record === "open") return "unfinished";
  if ("wrong" in record) throw wrong(name, record.wrong, 1);
  if (columns) return csv(columnsOf(columns, kind), false);
  const header = columnsOf(record.cells, kind);
  if (header.key >= 0 && (record.cells.length > 1 || isCsv(file))) return csv(header, true);
  if (!isCsv(file)) return plain(kind);
  if (kind === "trace" && record.cells.length <= 3 && record.cells.slice(1).every((cell) => Number.isFinite(Number(cell))))
    return csv(columnsOf(["key", "size", "timestamp"].slice(0, record.cells.length), kind), false);
  throw wrong(name, `has no column of ${keyFields[kind].join(", ")}; name its columns with --columns`, 1);
}

function plain(kind: "trace" | "log"): Found {
  const format = kind === "log" ? "queries" : "keys";
  return { shape: { format, sized: false, timed: false }, rows: (options) => plainRows(options, kind === "log") };
}

function csv(columns: Columns, header: boolean): Found {
  return {
    shape: { format: "csv", sized: columns.size >= 0, timed: columns.time >= 0 },
    rows: (options) => csvRows(options, columns, header),
  };
}

function jsonl(first: string): Found {
  const value: unknown = isJson(first) ? JSON.parse(first) : {};
  const has = (names: readonly string[]) => typeof value === "object" && value !== null && names.some((name) => name in value);
  return { shape: { format: "jsonl", sized: has(sizeFields), timed: has(timeFields) }, rows: jsonRows };
}

function columnsOf(names: readonly string[], kind: "trace" | "log"): Columns {
  const cells = names.map((cell) => cell.trim().toLowerCase());
  const find = (wanted: readonly string[]) => wanted.map((name) => cells.indexOf(name)).find((index) => index >= 0) ?? -1;
  const key = find(keyFields[kind]);
  return {
    count: cells.length,
    key,
    query: key >= 0 && isQueryField(cells[key]!),
    size: find(sizeFields),
    time: find(timeFields),
  };
}

function isCsv(file: string): boolean {
  return /\.csv(\.gz|\.zst|\.zstd)?$/i.test(file);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Errors of the system have a code, and are told as what could not be done; ours are sentences. */
function inWords({ code, message }: NodeJS.ErrnoException): string {
  return code === undefined ? message : `cannot be read: ${message}`;
}

/** Line feeds before this place, and one. */
function linesIn(bytes: Buffer, end: number): number {
  let lines = 1;
  for (let at = bytes.indexOf(0x0a); at >= 0 && at < end; at = bytes.indexOf(0x0a, at + 1)) lines++;
  return lines;
}

function wrong(file: string, message: string, line?: number): RagctlError {
  return usageError([line === undefined ? { file, message } : { file, line, message }], { code: "trace-invalid" });
}
