import type { FileBytes } from "./file-bytes.ts";
import { datasetError } from "./problems.ts";

/** The lines of a text file by number, without holding them: every 256th line's place is known, the rest is found by scanning from there. */
export interface LineIndex {
  readonly lines: number;
  read(start: number, count: number): Promise<string[]>;
}

const stride = 256;
const chunkBytes = 1 << 20;
/** One line beyond this is not a vector but a broken file. */
const longestLineBytes = 64 << 20;

/**
 * One pass over the file. Blank lines are not lines.
 * @param quotes a line feed between double quotes does not end a line (CSV)
 */
export async function indexLines(file: FileBytes, { quotes }: { quotes: boolean }): Promise<LineIndex> {
  const offsets: number[] = [];
  let lines = 0;
  for await (const { offset } of scan(file, 0, quotes)) if (lines++ % stride === 0) offsets.push(offset);
  return {
    lines,
    read: async (start, count) => {
      const found: string[] = [];
      if (count <= 0 || start >= lines) return found;
      let line = Math.floor(start / stride) * stride;
      for await (const { text } of scan(file, offsets[line / stride]!, quotes)) {
        if (line++ >= start) found.push(text());
        if (found.length === count) break;
      }
      return found;
    },
  };
}

async function* scan(file: FileBytes, from: number, quotes: boolean): AsyncGenerator<{ offset: number; text: () => string }> {
  let rest: Buffer = Buffer.alloc(0);
  let restAt = from;
  let inside = false;
  let searched = 0;
  for (let position = from; position < file.size;) {
    const length = Math.min(chunkBytes, file.size - position);
    const chunk = await file.read(position, length);
    position += length;
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let begin = 0;
    for (let at = searched; at < bytes.length; at++) {
      const byte = bytes[at]!;
      if (byte === 0x22 && quotes) inside = !inside;
      if (byte !== 0x0a || inside) continue;
      if (!isBlank(bytes, begin, at)) yield lineAt(bytes, begin, at, restAt);
      begin = at + 1;
    }
    rest = bytes.subarray(begin);
    restAt += begin;
    searched = rest.length;
    if (rest.length > longestLineBytes)
      throw datasetError(file.path, `a line is longer than ${longestLineBytes >> 20} MiB: is this a text file?`);
  }
  if (!isBlank(rest, 0, rest.length)) yield lineAt(rest, 0, rest.length, restAt);
}

function lineAt(bytes: Buffer, begin: number, end: number, base: number) {
  return { offset: base + begin, text: () => bytes.toString("utf8", begin, bytes[end - 1] === 0x0d ? end - 1 : end) };
}

function isBlank(bytes: Buffer, begin: number, end: number): boolean {
  for (let at = begin; at < end; at++) if (bytes[at] !== 0x20 && bytes[at] !== 0x0d && bytes[at] !== 0x09) return false;
  return true;
}
