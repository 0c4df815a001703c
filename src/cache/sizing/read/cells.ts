const comma = 0x2c;
const lineFeed = 0x0a;
const quote = 0x22;

/** A record of CSV (RFC 4180): where it ends, and its cells as text. */
export interface CsvRecord {
  cells: string[];
  /** After its line feed. */
  end: number;
  /** Lines that it takes. */
  lines: number;
}

/**
 * Reads one record, quotes and line feeds within them respected.
 * @param end of the block: the byte before is a line feed
 * @returns "open" where a quote is not closed before the end, or a sentence of what is wrong
 */
export function csvRecord(bytes: Buffer, begin: number, end: number): CsvRecord | "open" | { wrong: string; end: number } {
  const cells: string[] = [];
  let lines = 1;
  let at = begin;
  for (;;) {
    let cell = "";
    if (bytes[at] === quote) {
      at++;
      for (let from = at; ; at++) {
        if (at >= end) return "open";
        if (bytes[at] === lineFeed) lines++;
        if (bytes[at] !== quote) continue;
        cell += bytes.toString("utf8", from, at);
        if (bytes[at + 1] !== quote) break;
        cell += '"';
        from = ++at + 1;
      }
      at++;
      if (bytes[at] === 0x0d && bytes[at + 1] === lineFeed) at++;
      if (bytes[at] !== comma && bytes[at] !== lineFeed) {
        while (bytes[at] !== lineFeed) at++;
        return { wrong: "something follows a closing quote", end: at + 1 };
      }
    } else {
      const from = at;
      while (bytes[at] !== comma && bytes[at] !== lineFeed) at++;
      cell = bytes.toString("utf8", from, bytes[at] === lineFeed && bytes[at - 1] === 0x0d && at > from ? at - 1 : at);
    }
    cells.push(cell);
    if (bytes[at++] === lineFeed) return { cells, end: at, lines };
  }
}

/** A whole number of digits in these bytes; −1 where it is anything else. */
export function digits(bytes: Buffer, begin: number, end: number): number {
  if (end - begin > 15 || end === begin) return -1;
  let value = 0;
  for (let at = begin; at < end; at++) {
    const digit = bytes[at]! - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}
