import type { ChunkOptions, ReaderOptions } from "../../src/ingest/contract.ts";
import { chunkerNames } from "../../src/ingest/chunkers/names.ts";
import { formats } from "../../src/ingest/readers/names.ts";
import { flag, type FlagValues } from "../flags.ts";

/** How a text becomes chunks. */
export const chunkFlags = {
  chunk: flag.choice(chunkerNames, {
    description: "where texts are cut (default: Markdown at its headings, other texts at paragraphs)",
  }),
  chunkSize: flag.positive({ description: "of a chunk at most: characters (default: 1000), or tokens (default: 256)" }),
  chunkOverlap: flag.count({ description: "that neighbouring chunks share at most (default: a tenth of the size)" }),
};

/** What is read, and which fields of a record mean what. */
export const readingFlags = {
  format: flag.choice(formats, { description: "of all files, whatever their names; of standard input" }),
  idField: flag.string({
    description: "of a record; without an id, its content makes one",
    placeholder: "name",
    default: "id",
  }),
  idPrefix: flag.string({ description: "put before every id, so that several sources can share a collection" }),
  textField: flag.string({ description: "of a record", placeholder: "name", default: "text" }),
  titleField: flag.string({
    description: "embedded with every chunk, where there is one",
    placeholder: "name",
    default: "title",
  }),
  vectorField: flag.string({
    description: "of a record that brings its vector; none: it is a field like any other",
    placeholder: "name",
    default: "vector",
  }),
  payload: flag.list({ description: "which fields of a record are stored: names, all or none (default: all)" }),
  ...chunkFlags,
};

/** What the flags say of a record's fields. */
export function readerOptions(flags: Omit<FlagValues<typeof readingFlags>, "format">): ReaderOptions {
  const { idField, textField, titleField, vectorField, payload, idPrefix = "" } = flags;
  const [first = "all"] = payload;
  return {
    idField,
    textField,
    titleField,
    vectorField: vectorField === "none" ? undefined : vectorField,
    payload: payload.length <= 1 && (first === "all" || first === "none") ? first : payload,
    idPrefix,
  };
}

export function chunkOptions(flags: FlagValues<typeof chunkFlags>): ChunkOptions {
  const { chunk: by = "format", chunkSize: size = by === "tokens" ? 256 : 1000 } = flags;
  return { by, size, overlap: flags.chunkOverlap ?? Math.floor(size / 10) };
}
