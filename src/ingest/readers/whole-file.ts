import type { InputFile, Item, Reader, ReaderContext, ReaderOptions, SourceDocument } from "../contract.ts";
import { bytesOf } from "../inputs/bytes.ts";
import { isFileError, sentenceOf } from "../inputs/file-error.ts";
import { deadFile, longestDocumentBytes } from "./lost.ts";

/** What a format makes of a file's bytes. */
export interface ReadText extends Pick<SourceDocument, "text" | "format" | "pages"> {
  title?: string | undefined;
}

/** The text in a file; or what is wrong with the file, a clause. */
export type TextOf = (bytes: Buffer) => Promise<ReadText | { problem: string }>;

/** A file that is one document; its id is its name. */
export function wholeFileReader(textOf: TextOf): Reader {
  return async function* (file, options, context): AsyncGenerator<Item> {
    const bytes = await wholeFile(file, context);
    const read = typeof bytes === "string" ? { problem: bytes } : await textOf(bytes);
    if ("problem" in read) {
      yield deadFile(file, read.problem);
      return;
    }
    const { text, format, pages } = read;
    const title = read.title?.trim();
    const fields = { source: file.name, ...(title ? { title } : {}) };
    const { payload } = options;
    yield {
      kind: "document",
      id: `${options.idPrefix}${file.name}`,
      idFromContent: false,
      origin: { source: file.name },
      text,
      ...(title ? { title } : {}),
      format,
      ...(pages ? { pages } : {}),
      fields:
        payload === "all"
          ? fields
          : Object.fromEntries(Object.entries(fields).filter(([name]) => payload !== "none" && payload.includes(name))),
      // Standard input cannot be read again.
      ...(file.stream ? { record: () => recordOf(file.name, text, title, options) } : {}),
    };
  };
}

function recordOf(id: string, text: string, title: string | undefined, options: ReaderOptions): string {
  return JSON.stringify({ [options.idField]: id, [options.textField]: text, [options.titleField]: title, source: id });
}

/** All of a file, or why it cannot be had. */
async function wholeFile(file: InputFile, context: ReaderContext): Promise<Buffer | string> {
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const block of bytesOf(file, context)) {
      size += block.length;
      if (size > longestDocumentBytes) return `the file has more than ${longestDocumentBytes} bytes, too many for one document`;
      parts.push(block);
    }
  } catch (error) {
    context.signal.throwIfAborted();
    if (!isFileError(error)) throw error;
    return `the file could not be read: ${sentenceOf(error)}`;
  }
  return Buffer.concat(parts, size);
}
