import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { InputFile, Item, Place, ReaderName, ReaderOptions } from "../../../src/ingest/contract.ts";
import { defaultReaderOptions } from "../../../src/ingest/readers/fields.ts";
import { readers } from "../../../src/ingest/readers/index.ts";
import { tempDir } from "../../helpers/temp-dir.ts";
import { collect } from "./set-up.ts";

interface Reading {
  options?: Partial<ReaderOptions>;
  from?: Place;
  file?: Partial<InputFile>;
}

/** What a reader makes of a file that holds this; its name is `in`. */
export async function read(reader: ReaderName, content: string | Uint8Array, reading: Reading = {}): Promise<Item[]> {
  const path = join(tempDir(), "in");
  writeFileSync(path, content);
  return await readFile({ path, name: "in", bytes: statSync(path).size, reader, ...reading.file }, reading);
}

export async function readFile(file: InputFile, { options, from }: Reading = {}): Promise<Item[]> {
  const context = { signal: new AbortController().signal, onBytes: () => {}, ...(from ? { from } : {}) };
  return await collect(readers[file.reader].read(file, { ...defaultReaderOptions, ...options }, context));
}

/** Items as a table: `id: text`, or `dead LINE: reason`. */
export function brief(items: readonly Item[]): string[] {
  return items.map((item) =>
    item.kind === "document"
      ? `${item.id}: ${item.text}`
      : `dead ${item.origin.line ?? item.origin.row ?? "file"}: ${item.reason}`,
  );
}
