import { createReadStream } from "node:fs";
import { sentenceOf } from "../inputs/file-error.ts";
import type { DeadRecord, InputFile, Item, Reader } from "../contract.ts";
import { documentOfJson } from "./record.ts";
import { decodeUtf8 } from "./utf8.ts";
import { splitLines } from "./lines.ts";

/** A longer line is not read into memory; it is dead-lettered by its position. */
const maxLineBytes = 64 * 2 ** 20;
/** A longer record is not copied to the dead letters: they say where it is. */
const maxKeptBytes = 2 ** 20;

/** One JSON object a line; blank lines are no records. */
export const jsonlReader: Reader = async function* (file, options, { signal, onBytes }): AsyncGenerator<Item> {
  const lines = splitLines(bytesOf(file, signal, onBytes), maxLineBytes);
  let line = 0;
  try {
    for await (const next of lines) {
      line = next.number;
      const origin = { source: file.name, line: next.number, offset: next.offset };
      const dead = (reason: string, record?: string): DeadRecord => ({
        kind: "dead",
        origin,
        stage: "read",
        reason,
        ...(record !== undefined && next.bytes <= maxKeptBytes ? { record } : {}),
      });
      if ("tooLong" in next) {
        yield dead(`the line has ${next.bytes} bytes; at most ${maxLineBytes} are read`);
        continue;
      }
      const text = decodeUtf8(next.content, next.number === 1);
      if (text === undefined) {
        yield dead("not valid UTF-8", next.content.toString("latin1"));
        continue;
      }
      if (text.trim() === "") continue;
      const outcome = documentOfJson(text, options, origin);
      yield typeof outcome === "string" ? dead(outcome, text) : outcome;
    }
  } catch (error) {
    signal.throwIfAborted();
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    // Deleted or unreadable half-way: what was read stands, the rest is said to be missing.
    yield {
      kind: "dead",
      origin: { source: file.name, ...(line > 0 ? { line: line + 1 } : {}) },
      stage: "read",
      reason: `the file could not be read on: ${sentenceOf(error)}`,
    };
  }
};

async function* bytesOf(file: InputFile, signal: AbortSignal, onBytes: (delta: number) => void): AsyncGenerator<Buffer> {
  const stream = createReadStream(file.path, { highWaterMark: 256 * 1024, signal });
  for await (const block of stream as AsyncIterable<Buffer>) {
    onBytes(block.length);
    yield block;
  }
}
