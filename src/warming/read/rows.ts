import { normalizeQuery } from "../../cache/keys.ts";
import { readBlocks } from "../../cache/sizing/read/blocks.ts";
import { openSource, type ByteSource } from "../../cache/sizing/read/bytes.ts";
import { csvRecord } from "../../cache/sizing/read/cells.ts";
import { RagctlError, usageError, type Problem } from "../../errors.ts";
import { queryField, rowOf, type Row } from "./fields.ts";

const shownProblems = 20;
const lineFeed = 0x0a;

/** What a reader makes of a stretch of whole lines: rows and problems by their line. Returns up to where it read. */
type Take = (bytes: Buffer, end: number, last: boolean) => number;

interface Sink {
  line: number;
  row(row: Row | string): void;
}

/**
 * Reads queries: JSONL (an object with a query, or a string, a line), CSV with a header that names one, or one query a line. Gzip and Zstandard are unpacked.
 * @param file a path, or `-`
 * @throws RagctlError exit 2 with every line that is wrong (the first twenty), or what is wrong with the file
 */
export async function readRows(
  { file, stdin }: { file: string; stdin: NodeJS.ReadableStream },
  onRow: (row: Row) => void,
  signal?: AbortSignal,
): Promise<void> {
  const name = file === "-" ? "stdin" : file;
  const problems: Problem[] = [];
  const refuse = () => usageError(problems, { code: "log-invalid" });
  let rows = 0;
  const sink: Sink = {
    line: 0,
    row(row) {
      if (typeof row !== "string") {
        rows++;
        return onRow(row);
      }
      problems.push({ file: name, line: sink.line, message: row });
      if (problems.length >= shownProblems) throw refuse();
    },
  };
  let take: Take | undefined;
  let source: ByteSource | undefined;
  try {
    source = await openSource(file, stdin);
    await readBlocks(
      source,
      (bytes, end, last) => {
        take ??= readerOf(bytes, end, sink);
        return take ? take(bytes, end, last) : blank(bytes, end, sink);
      },
      () => signal?.throwIfAborted(),
    );
  } catch (error) {
    if (error instanceof RagctlError || signal?.aborted) throw error;
    throw usageError([{ file: name, message: (error as Error).message }], { code: "log-invalid" });
  } finally {
    await source?.close();
  }
  if (problems.length > 0) throw refuse();
  if (rows === 0) throw usageError([{ file: name, message: "holds no queries" }], { code: "log-invalid" });
}

/** By the first line: JSON, a header of CSV, or a query. Undefined where nothing but empty lines has come so far. */
function readerOf(bytes: Buffer, end: number, sink: Sink): Take | undefined {
  let begin = 0;
  while (begin < end && (bytes[begin] === lineFeed || bytes[begin] === 0x0d)) begin++;
  // What lies behind the end is anything: there is no first line to look at.
  if (begin === end) return undefined;
  const first = bytes.toString("utf8", begin, bytes.indexOf(lineFeed, begin)).trim();
  if (first.startsWith("{") || first.startsWith('"')) return lines((text) => sink.row(jsonRow(text)), sink);
  const header = csvRecord(bytes, begin, end);
  if (header !== "open" && "cells" in header) {
    const names = header.cells.map((cell) => cell.trim().toLowerCase());
    if (queryField(names) !== undefined) return csvRows(names, sink);
  }
  return lines((text) => sink.row({ query: normalizeQuery(text), count: 1, told: {} }), sink);
}

function blank(bytes: Buffer, end: number, sink: Sink): number {
  for (let at = 0; at < end; at++) if (bytes[at] === lineFeed) sink.line++;
  return end;
}

function lines(each: (text: string) => void, sink: Sink): Take {
  return (bytes, end) => {
    for (let at = 0; at < end;) {
      const stop = bytes.indexOf(lineFeed, at);
      sink.line++;
      const text = bytes.toString("utf8", at, stop).trim();
      if (text !== "") each(text);
      at = stop + 1;
    }
    return end;
  };
}

function jsonRow(text: string): Row | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return "is not JSON";
  }
  const record = typeof value === "object" && value !== null ? value : { query: value };
  return rowOf(new Map(Object.entries(record).map(([name, each]) => [name.toLowerCase(), each])));
}

function csvRows(names: readonly string[], sink: Sink): Take {
  let header = true;
  return (bytes, end, last) => {
    for (let at = 0; at < end;) {
      if (bytes[at] === lineFeed || (bytes[at] === 0x0d && bytes[at + 1] === lineFeed)) {
        sink.line++;
        at += bytes[at] === lineFeed ? 1 : 2;
        continue;
      }
      const record = csvRecord(bytes, at, end);
      sink.line++;
      if (record === "open") {
        if (last) sink.row("a quote is opened and never closed");
        else sink.line--;
        return last ? end : at;
      }
      at = record.end;
      if ("wrong" in record) sink.row(record.wrong);
      else {
        if (!header) sink.row(cellsRow(names, record.cells));
        sink.line += record.lines - 1;
      }
      header = false;
    }
    return end;
  };
}

function cellsRow(names: readonly string[], cells: readonly string[]): Row | string {
  if (cells.length !== names.length) return `has ${cells.length} cells, and the header ${names.length}`;
  return rowOf(new Map(names.map((name, at) => [name, cells[at]])));
}
