import { extname } from "node:path";
import type { Reader, ReaderName } from "../contract.ts";
import { jsonlReader } from "./jsonl.ts";
import { wholeFileReader } from "./whole-file.ts";

/** Every reader there is, and the file names it takes by itself. */
export const readers = {
  jsonl: { extensions: [".jsonl", ".ndjson"], read: jsonlReader },
  markdown: { extensions: [".md", ".markdown", ".mdx"], read: wholeFileReader("markdown") },
  text: { extensions: [".txt", ".text"], read: wholeFileReader("text") },
} as const satisfies Record<ReaderName, { extensions: readonly string[]; read: Reader }>;

const readerNames = Object.keys(readers) as ReaderName[];

/** `.jsonl, .ndjson, .md, …` */
export const readableExtensions = Object.values(readers)
  .flatMap(({ extensions }) => extensions)
  .join(", ");

/** Which reader takes a file of this name; undefined where none does. */
export function readerFor(path: string): ReaderName | undefined {
  const extension = extname(path).toLowerCase();
  return readerNames.find((name) => readers[name].extensions.some((known) => known === extension));
}
