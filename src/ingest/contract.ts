/** Where something came from, for people and for dead letters. */
export interface Origin {
  /** The file, as the user named it or as it was found below a folder the user named. */
  source: string;
  /** 1-based; absent where the whole file is one document. */
  line?: number;
  /** Where the record begins in the file, bytes. */
  offset?: number;
}

/** What a reader makes of the input: one unit that is kept, skipped or dead-lettered as a whole. */
export interface SourceDocument {
  kind: "document";
  /** The caller's id, or one made from the path or the content; the keys of its chunks derive from it. */
  id: string;
  /** Made from the content: two such documents with one id are the same document. */
  idFromContent: boolean;
  origin: Origin;
  text: string;
  /** Which field of its record held the text. */
  textField: string;
  title?: string;
  /** Which chunker suits it. */
  format: "text" | "markdown";
  /** The user's own fields, stored with every chunk. */
  fields: Record<string, unknown>;
}

/** A record that cannot become a document, or could not be stored: written down with its reason, never lost. */
export interface DeadRecord {
  kind: "dead";
  origin: Origin;
  /** Which stage gave up on it. */
  stage: "read" | "chunk" | "embed" | "write";
  /** A sentence without a full stop. */
  reason: string;
  id?: string;
  /** The record itself, where it is text of a reasonable size; otherwise `origin` says where it is. */
  record?: string;
}

export type Item = SourceDocument | DeadRecord;

/** One file to read. */
export interface InputFile {
  /** Absolute. */
  path: string;
  /** What people see, and what ids of whole-file documents are: relative to the working directory where it is below it. */
  name: string;
  bytes: number;
  reader: ReaderName;
}

export type ReaderName = "jsonl" | "markdown" | "text";

export interface ReaderOptions {
  idField: string;
  textField: string;
  titleField: string;
}

/**
 * Turns one file into items, as a stream. It throws for nothing that the input can do: what is broken is a dead item.
 * @param onBytes how far into the file it is, for progress
 */
export type Reader = (
  file: InputFile,
  options: ReaderOptions,
  context: { signal: AbortSignal; onBytes: (delta: number) => void },
) => AsyncIterable<Item>;

export interface ChunkOptions {
  /** Characters (UTF-16 units) at most. */
  size: number;
  /** Characters that neighbouring chunks share, at most. */
  overlap: number;
}
/** A text in pieces, in order, none blank; pieces hold whole characters. */
export type Chunker = (text: string, options: ChunkOptions) => Promise<string[]>;

/** A piece of a document, ready to compare, embed and write. */
export interface Chunk {
  key: string;
  position: number;
  text: string;
  /** What the vector is made from: the title gives every piece its context. */
  embedText: string;
  /** Of all that decides the stored point; equal hashes need no write. */
  hash: string;
  payload: Record<string, unknown>;
}

export interface ChunkedDocument {
  document: SourceDocument;
  chunks: Chunk[];
}

/** The payload fields that ingest stamps on a chunk, beside the user's own and `text`. */
export const chunkField = {
  document: "_ragctl_doc",
  source: "_ragctl_source",
  position: "_ragctl_chunk",
  /** On the first chunk alone: no chunk of the document stands at or beyond this position. */
  count: "_ragctl_chunks",
  hash: "_ragctl_hash",
} as const;
