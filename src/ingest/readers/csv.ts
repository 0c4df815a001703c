import type Papa from "papaparse";
import { bytesOf } from "../inputs/bytes.ts";
import type { DeadRecord, InputFile, Item, Origin, Reader, ReaderOptions, SourceDocument } from "../contract.ts";
import { LineWindow } from "./line-window.ts";
import { splitLines, type Line } from "./lines.ts";
import { deadFile, deadLine, deadRest, longestLineBytes, tooLong } from "./lost.ts";
import { documentOf } from "./record.ts";
import { decodeUtf8, utf8Problem } from "./utf8.ts";

/** A quoted cell may have line feeds; a quote that is never closed must not swallow the file. */
const longestRecordBytes = 16 * 2 ** 20;

type Parse = typeof Papa.parse;

const openQuote = "a quote in it opens, and nothing closes it";
const innerQuote = "a quote stands inside a quoted cell, not doubled";

/** What a table's first line says. */
interface Table {
  columns: readonly string[];
  delimiter: string;
}

/**
 * Comma-separated values with a header (RFC 4180; tabs, semicolons or bars where the header has no comma). A quote in a cell that does
 * not begin with one is a character like any other. One that opens a cell and is never closed costs its line: where the lines up to the next
 * quote make no record, reading goes on with the line after it.
 */
export const csvReader: Reader = async function* (file, options, context): AsyncGenerator<Item> {
  const { parse } = (await import("papaparse")).default;
  const { from } = context;
  let lines = new LineWindow(splitLines(bytesOf(file, context), longestLineBytes));
  try {
    const table = await headerOf(file, lines, parse);
    if (table === undefined) return;
    if ("kind" in table) {
      yield table;
      return;
    }
    if (from !== undefined) {
      await lines.close();
      lines = new LineWindow(splitLines(bytesOf(file, context, from.offset), longestLineBytes, from), from);
    }
    for (;;) {
      const first = await lines.at(0);
      if (first === undefined) return;
      const { count, item } = await nextRecord(file, lines, first, table, options, parse);
      if (item) yield item;
      lines.drop(count);
    }
  } catch (error) {
    yield deadRest(file, error, context.signal, lines.next);
  }
};

async function headerOf(file: InputFile, lines: LineWindow, parse: Parse): Promise<Table | DeadRecord | undefined> {
  for (;;) {
    const line = await lines.at(0);
    if (line === undefined) return undefined;
    lines.drop(1);
    if ("tooLong" in line) return deadFile(file, `its header has ${line.bytes} bytes`);
    const header = decodeUtf8(line.content, line.offset === 0);
    if (header === undefined) return deadFile(file, `its header is ${utf8Problem(line.content)}`);
    if (header.trim() === "") continue;
    const delimiter = [",", "\t", ";", "|"].find((candidate) => header.includes(candidate)) ?? ",";
    const cells = cellsOf(parse, header, delimiter);
    if (!Array.isArray(cells)) return deadFile(file, `its header cannot be read: ${cells.problem}`);
    const columns = cells.map((name) => name.trim());
    const twice = columns.find((name, at) => columns.indexOf(name) !== at);
    if (twice !== undefined) return deadFile(file, `its header has two columns ${JSON.stringify(twice)}`);
    return { columns, delimiter };
  }
}

/** The record that begins in a line, and how many lines it takes; no item: there is none in it. */
async function nextRecord(
  file: InputFile,
  lines: LineWindow,
  first: Line,
  table: Table,
  options: ReaderOptions,
  parse: Parse,
): Promise<{ count: number; item?: Item }> {
  if ("tooLong" in first) return { count: 1, item: tooLong(file, first) };
  // One line alone is given up: those behind it may be records of their own.
  const dead = (reason: string, text: string) => ({
    count: 1,
    item: { ...deadLine(file, first, reason, text), columns: table.columns },
  });
  const own = decodeUtf8(first.content, first.offset === 0);
  if (own === undefined) return dead(utf8Problem(first.content), first.content.toString("latin1"));
  if (own.trim() === "") return { count: 1 };
  let record = { text: own, count: 1, cells: cellsOf(parse, own, table.delimiter) };
  if (!Array.isArray(record.cells)) {
    const joined = await untilQuotesAreEven(lines, first.content);
    const text = joined && decodeUtf8(joined.bytes, first.offset === 0);
    if (joined && text !== undefined) record = { text, count: joined.count, cells: cellsOf(parse, text, table.delimiter) };
  }
  const { text, count, cells } = record;
  if (!Array.isArray(cells)) return dead(cells.problem, own);
  const outcome = documentOfCells(cells, table.columns, options, {
    source: file.name,
    line: first.number,
    offset: first.offset,
  });
  if (typeof outcome !== "string") return { count, item: outcome };
  return { count, item: { ...deadLine(file, first, outcome, text), columns: table.columns } };
}

/** Lines from the first one on, joined: inside quotes a line feed belongs to the cell. Undefined: they stay open. */
async function untilQuotesAreEven(lines: LineWindow, first: Buffer): Promise<{ bytes: Buffer; count: number } | undefined> {
  const parts = [first];
  let size = first.length;
  for (let quotes = quotesIn(first); quotes % 2 === 1;) {
    const next = await lines.at(parts.length);
    if (next === undefined || "tooLong" in next || size + next.bytes > longestRecordBytes) return undefined;
    parts.push(next.content);
    size += next.bytes + 1;
    quotes += quotesIn(next.content);
  }
  const count = parts.length;
  return { bytes: count === 1 ? first : Buffer.concat(parts.flatMap((part, at) => (at === 0 ? [part] : [feed, part]))), count };
}

const feed = Buffer.from("\n");

function quotesIn(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(0x22); at !== -1; at = bytes.indexOf(0x22, at + 1)) count++;
  return count;
}

/** The cells of one record, or why it is none. */
function cellsOf(parse: Parse, record: string, delimiter: string): string[] | { problem: string } {
  const text = record.replace(/\r$/, "");
  // Without quotes there is nothing to parse.
  if (!text.includes('"')) return text.split(delimiter);
  const { data, errors } = parse<string[]>(text, { delimiter, newline: "\n" });
  if (errors.some(({ code }) => code === "InvalidQuotes")) return { problem: innerQuote };
  return errors.length === 0 && data.length === 1 ? data[0]! : { problem: openQuote };
}

/** The document of a table's row, or why there is none. */
function documentOfCells(
  cells: readonly string[],
  columns: readonly string[],
  options: ReaderOptions,
  origin: Origin,
): SourceDocument | string {
  if (cells.length !== columns.length) return `it has ${cells.length} cells, the header has ${columns.length}`;
  const record = Object.fromEntries(columns.map((name, at) => [name, cells[at]!]));
  // An empty cell says that there is none: an id is made from the content, a vector by the embedder.
  for (const name of [options.idField, options.vectorField])
    if (name !== undefined && record[name]?.trim() === "") delete record[name];
  return documentOf(record, options, origin, () => JSON.stringify(record));
}

/** A row on its own, as dead letters have it. */
export async function documentOfRow(
  row: string,
  columns: readonly string[],
  options: ReaderOptions,
  origin: Origin,
): Promise<SourceDocument | string> {
  const { parse } = (await import("papaparse")).default;
  const outcomes = [",", "\t", ";", "|"].map((delimiter) => cellsOf(parse, row, delimiter));
  const fitting = outcomes.find((cells) => Array.isArray(cells) && cells.length === columns.length) ?? outcomes[0]!;
  return Array.isArray(fitting) ? documentOfCells(fitting, columns, options, origin) : fitting.problem;
}
