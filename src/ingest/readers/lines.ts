import type { Place } from "../contract.ts";

/** One line of a file, without its end; or, where it is longer than allowed, only how long it is. */
export type Line = { number: number; offset: number; bytes: number } & ({ content: Buffer } | { tooLong: true });

/**
 * Splits a stream of bytes at line feeds, holding at most `maxBytes` of a line. Line numbers are 1-based; `offset` counts
 * bytes from the start, byte-order mark included. The last line needs no line feed; an empty rest is no line.
 * @param from where the first byte of the source stands, unless it is the first of the file
 */
export async function* splitLines(
  source: AsyncIterable<Buffer>,
  maxBytes: number,
  from: Pick<Place, "line" | "offset"> = {},
): AsyncGenerator<Line> {
  let parts: Buffer[] = [];
  let bytes = 0;
  let number = from.line ?? 1;
  let offset = from.offset ?? 0;
  const finish = (): Line => {
    const line: Line =
      bytes > maxBytes
        ? { number, offset, bytes, tooLong: true }
        : { number, offset, bytes, content: Buffer.concat(parts, bytes) };
    number++;
    parts = [];
    bytes = 0;
    return line;
  };
  for await (const block of source) {
    let from = 0;
    while (from < block.length) {
      const feed = block.indexOf(0x0a, from);
      const end = feed === -1 ? block.length : feed;
      bytes += end - from;
      if (bytes <= maxBytes) parts.push(block.subarray(from, end));
      // What was kept of a line that is too long is of no use.
      else parts = [];
      from = end + 1;
      if (feed !== -1) {
        const line = finish();
        yield line;
        offset += line.bytes + 1;
      }
    }
  }
  if (bytes > 0) yield finish();
}

/** Where the line after this one begins. */
export function behind({ number, offset, bytes }: Line): Pick<Place, "line" | "offset"> {
  return { line: number + 1, offset: offset + bytes + 1 };
}
