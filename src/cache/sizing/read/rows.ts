import { normalizeQuery } from "../../keys.ts";
import type { TakeBlock } from "./blocks.ts";
import { csvRecord, digits } from "./cells.ts";
import type { Feed } from "./feed.ts";
import { isQueryField, keyFields, sizeFields, sizeOf, timeOf } from "./fields.ts";
import { timeFields } from "../../../timestamps.ts";

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const comma = 0x2c;
const quote = 0x22;

/** What every reader of rows needs to know. */
export interface RowOptions {
  feed: Feed;
  /** Of an entry whose size the row does not tell. */
  entryBytes: number;
  /** What the cache adds to each size that the rows tell. */
  overheadBytes: number;
  /** Whether times are needed: then each must be there, and none before the one before it. */
  timed: boolean;
}

/** One key a line; with `queries`, one query. */
export function plainRows({ feed, entryBytes }: RowOptions, queries: boolean): TakeBlock {
  return (bytes, end) => {
    for (let at = 0; at < end;) {
      let stop = at;
      while (bytes[stop] !== lineFeed) stop++;
      feed.line++;
      const keyEnd = stop > at && bytes[stop - 1] === carriageReturn ? stop - 1 : stop;
      if (keyEnd > at) {
        if (!queries) feed.add(bytes, at, keyEnd, entryBytes, 0);
        else {
          const query = normalizeQuery(bytes.toString("utf8", at, keyEnd));
          if (query !== "") feed.addText(query, entryBytes, 0);
        }
      }
      at = stop + 1;
    }
    return end;
  };
}

/** Where which column stands, from 0; −1: there is none. */
export interface Columns {
  count: number;
  key: number;
  /** The key is the text of a query. */
  query: boolean;
  size: number;
  time: number;
}

/** Comma-separated values. Rows without quotes, the usual ones, are read without making a string. */
export function csvRows({ feed, entryBytes, overheadBytes, timed }: RowOptions, columns: Columns, header: boolean): TakeBlock {
  const { count, key, size } = columns;
  const time = timed ? columns.time : -1;
  const inOrder = ascending(feed);
  let skip = header;
  let [keyFrom, keyTo, sizeFrom, sizeTo, timeFrom, timeTo] = [0, 0, 0, 0, 0, 0];

  const unquoted = (bytes: Buffer) => {
    let entry = entryBytes;
    if (size >= 0) {
      let value: number | string = digits(bytes, sizeFrom, sizeTo);
      if (value < 0) value = sizeOf(bytes.toString("utf8", sizeFrom, sizeTo));
      if (typeof value === "string") return feed.problem(value);
      entry = value + overheadBytes;
    }
    const timeUs = time < 0 ? 0 : inOrder(bytes.toString("utf8", timeFrom, timeTo));
    if (keyTo === keyFrom) return feed.problem("the key is empty");
    if (columns.query) feed.addText(normalizeQuery(bytes.toString("utf8", keyFrom, keyTo)), entry, timeUs);
    else feed.add(bytes, keyFrom, keyTo, entry, timeUs);
  };

  const quoted = (cells: string[]) => {
    if (cells.length !== count) return feed.problem(wrongCount(cells.length, count));
    const value = size < 0 ? entryBytes - overheadBytes : sizeOf(cells[size]);
    if (typeof value === "string") return feed.problem(value);
    const timeUs = time < 0 ? 0 : inOrder(cells[time]);
    const text = columns.query ? normalizeQuery(cells[key]!) : cells[key]!;
    if (text === "") return feed.problem("the key is empty");
    feed.addText(text, value + overheadBytes, timeUs);
  };

  return (bytes, end, last) => {
    for (let at = 0; at < end;) {
      let column = 0;
      let cell = at;
      let stop = at;
      for (; ; stop++) {
        const byte = bytes[stop]!;
        if (byte > comma) continue;
        if (byte === quote && stop === cell) break;
        if (byte !== comma && byte !== lineFeed) continue;
        if (column === key) [keyFrom, keyTo] = [cell, stop];
        else if (column === size) [sizeFrom, sizeTo] = [cell, stop];
        else if (column === time) [timeFrom, timeTo] = [cell, stop];
        if (byte === lineFeed) break;
        column++;
        cell = stop + 1;
      }
      if (bytes[stop] === quote) {
        const record = csvRecord(bytes, at, end);
        feed.line++;
        if (record === "open") {
          if (last) feed.problem("a quote is opened and never closed");
          else feed.line--;
          return last ? end : at;
        }
        at = record.end;
        if ("wrong" in record) feed.problem(record.wrong);
        else {
          if (!skip) quoted(record.cells);
          feed.line += record.lines - 1;
        }
        skip = false;
        continue;
      }
      feed.line++;
      const rowEnd = stop > at && bytes[stop - 1] === carriageReturn ? stop - 1 : stop;
      if (rowEnd > at && !skip) {
        if (column === key) keyTo = rowEnd;
        else if (column === size) sizeTo = rowEnd;
        else if (column === time) timeTo = rowEnd;
        if (column + 1 === count) unquoted(bytes);
        else feed.problem(wrongCount(column + 1, count));
      }
      if (rowEnd > at) skip = false;
      at = stop + 1;
    }
    return end;
  };
}

function wrongCount(got: number, wanted: number): string {
  return `has ${got} ${got === 1 ? "column" : "columns"}, and ${wanted} ${wanted === 1 ? "is" : "are"} expected`;
}

/** One JSON value a line: a query as a string, or an object with a key or a query, and perhaps size and time. */
export function jsonRows({ feed, entryBytes, overheadBytes, timed }: RowOptions): TakeBlock {
  const inOrder = ascending(feed);
  const row = (text: string) => {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return feed.problem("is not JSON");
    }
    const record: Record<string, unknown> =
      typeof value === "object" && value !== null ? (value as Record<string, unknown>) : { query: value };
    const key = keyOf(record);
    if (key === undefined) return feed.problem(`has no key and no query: expected ${keyFields.log.join(", ")}`);
    if (key === "") return feed.problem("the key is empty");
    const field = sizeFields.find((name) => record[name] !== undefined);
    const size = field === undefined ? entryBytes - overheadBytes : sizeOf(record[field]);
    if (typeof size === "string") return feed.problem(size);
    const timeUs = timed ? inOrder(timeFields.map((name) => record[name]).find((each) => each !== undefined)) : 0;
    feed.addText(key, size + overheadBytes, timeUs);
  };
  return (bytes, end) => {
    for (let at = 0; at < end;) {
      const stop = bytes.indexOf(lineFeed, at);
      feed.line++;
      const text = bytes.toString("utf8", at, stop);
      if (text.trim() !== "") row(text);
      at = stop + 1;
    }
    return end;
  };
}

/** A cache key as it is, or the normalised text of a query. */
function keyOf(record: Record<string, unknown>): string | undefined {
  const name = keyFields.log.find((name) => typeof record[name] === "string" || typeof record[name] === "number");
  if (name === undefined) return undefined;
  return isQueryField(name) ? normalizeQuery(String(record[name])) : String(record[name]);
}

/** Reads a time that must not be before the one before it. */
function ascending(feed: Feed): (cell: unknown) => number {
  let beforeUs = -Infinity;
  return (cell) => {
    const us = timeOf(cell);
    if (typeof us === "string") feed.problem(us);
    else if (us < beforeUs) feed.problem("is earlier than the line before it: sort the trace by time");
    else beforeUs = us;
    return beforeUs;
  };
}
