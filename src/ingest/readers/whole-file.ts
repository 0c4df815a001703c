import { readFile, stat } from "node:fs/promises";
import type { DeadRecord, Item, Reader, SourceDocument } from "../contract.ts";
import { sentenceOf } from "../inputs/file-error.ts";
import { decodeUtf8, textProblem } from "./utf8.ts";

/** A document is held in memory whole, so it must not be endless. */
const maxBytes = 64 * 2 ** 20;

/** A file that is one document; its id is its name. */
export function wholeFileReader(format: SourceDocument["format"]): Reader {
  return async function* (file, _options, { signal, onBytes }): AsyncGenerator<Item> {
    const dead = (reason: string): DeadRecord => ({
      kind: "dead",
      origin: { source: file.name },
      stage: "read",
      reason,
      id: file.name,
    });
    let bytes: Buffer;
    try {
      const { size } = await stat(file.path);
      if (size > maxBytes) {
        onBytes(file.bytes);
        yield dead(`the file has ${size} bytes; at most ${maxBytes} are taken as one document`);
        return;
      }
      bytes = await readFile(file.path, { signal });
    } catch (error) {
      signal.throwIfAborted();
      if ((error as NodeJS.ErrnoException).code === undefined) throw error;
      onBytes(file.bytes);
      yield dead(`the file could not be read: ${sentenceOf(error)}`);
      return;
    }
    onBytes(bytes.length);
    const text = decodeUtf8(bytes, true);
    const problem = text === undefined ? "is not valid UTF-8" : textProblem(text);
    if (text === undefined || problem) {
      yield dead(`the file ${problem}`);
      return;
    }
    const title = format === "markdown" ? markdownTitle(text) : undefined;
    yield {
      kind: "document",
      id: file.name,
      idFromContent: false,
      origin: { source: file.name },
      text,
      textField: "text",
      ...(title ? { title } : {}),
      format,
      fields: { source: file.name, ...(title ? { title } : {}) },
    };
  };
}

/** The first heading of the first level, as plain text; undefined where the start of the document has none. */
export function markdownTitle(text: string): string | undefined {
  const heading = /^#[ \t]+(.+?)[ \t]*#*$/m.exec(text.slice(0, 10_000))?.[1];
  const plain = heading
    ?.replaceAll(/!\[[^\]]*\]\([^)]*\)/g, "")
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replaceAll(/<[^>]*>/g, "")
    .replaceAll(/[`*]/g, "")
    .trim();
  return plain === "" ? undefined : plain;
}
