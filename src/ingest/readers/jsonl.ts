import { bytesOf } from "../inputs/bytes.ts";
import type { Item, Place, Reader } from "../contract.ts";
import { behind, splitLines } from "./lines.ts";
import { deadLine, deadRest, longestLineBytes, tooLong } from "./lost.ts";
import { documentOfJson } from "./record.ts";
import { decodeUtf8, utf8Problem } from "./utf8.ts";

/** One JSON object a line; blank lines are no records. */
export const jsonlReader: Reader = async function* (file, options, context): AsyncGenerator<Item> {
  const { from } = context;
  const lines = splitLines(bytesOf(file, context, from?.offset), longestLineBytes, from);
  let next: Place = { line: from?.line ?? 1, offset: from?.offset ?? 0 };
  try {
    for await (const line of lines) {
      next = behind(line);
      if ("tooLong" in line) {
        yield tooLong(file, line);
        continue;
      }
      const text = decodeUtf8(line.content, line.offset === 0);
      if (text === undefined) {
        yield deadLine(file, line, utf8Problem(line.content), line.content.toString("latin1"));
        continue;
      }
      if (text.trim() === "") continue;
      const outcome = documentOfJson(text, options, { source: file.name, line: line.number, offset: line.offset });
      yield typeof outcome === "string" ? deadLine(file, line, outcome, text) : outcome;
    }
  } catch (error) {
    yield deadRest(file, error, context.signal, next);
  }
};
