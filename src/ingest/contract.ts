import type { Readable } from "node:stream";
import type { chunkerNames } from "./chunkers/names.ts";

/** Where something came from, for people and for dead letters. */
export interface Origin {
  /** The file, as the user named it or as it was found below a folder the user named; `-` is standard input. */
  source: string;
  /** 1-based, of a file of lines; absent where the whole file is one document. */
  line?: number;
  /** Where the record begins in the file, bytes; of a compressed file, in what it unpacks to. */
  offset?: number;
  /** From 0, of a file of rows: Parquet, npy, fvecs, HDF5. */
  row?: number;
}

/** What a reader makes of the input: one unit that is kept, skipped or dead-lettered as a whole. */
export interface SourceDocument {
  kind: "document";
  /** The caller's id, or one made from the path or the content; the keys of its chunks derive from it. */
  id: string;
  /** Made from the content: two such documents with one id are the same document. */
  idFromContent: boolean;
  origin: Origin;
  /** Where in the file that is read it begins, where this is not its origin; empty: reading can only begin at the file's start. */
  place?: Place;
  text: string;
  title?: string;
  /** Which chunker suits it. */
  format: "text" | "markdown";
  /**
   * A vector that came with the record: the document is one point, not chunked and not embedded, and its key is its id
   * (`chunkKey`). Its text may be empty. All vectors of a run have the dimension of the first one; others are dead.
   */
  vector?: Float32Array;
  /** Where in the text its pages begin, characters; page 1 first. */
  pages?: readonly number[];
  /** The user's own fields, stored with every chunk. */
  fields: Record<string, unknown>;
  /** The record that it was made from, as JSON text that makes the same document again; absent where it was a whole file. */
  record?: () => string;
}

/** A record that cannot become a document, or could not be stored: written down with its reason, never lost. */
export interface DeadRecord {
  kind: "dead";
  origin: Origin;
  place?: Place;
  /** Which stage gave up on it. */
  stage: "read" | "chunk" | "embed" | "write";
  /** A sentence without a full stop. */
  reason: string;
  id?: string;
  /** The record itself, where it is text of a reasonable size; otherwise `origin` says where it is. */
  record?: string;
  /** The names of the record's cells, where it is a row of a table in text. */
  columns?: readonly string[];
  /** Not this record alone is missing, but all of the file from here on. */
  rest?: true;
  /** So many rows from the origin's on are missing together. */
  rows?: number;
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
  compression?: "gzip" | "zstd";
  /** Standard input, which has no path. */
  stream?: Readable;
}

export type ReaderName =
  | "jsonl"
  | "csv"
  | "parquet"
  | "markdown"
  | "text"
  | "html"
  | "pdf"
  | "docx"
  | "npy"
  | "fvecs"
  | "bvecs"
  | "hdf5"
  | "dead-letters";

/** Which fields of a record mean what. */
export interface ReaderOptions {
  idField: string;
  textField: string;
  titleField: string;
  /** Of a list of numbers: the record's own vector. Undefined: records have none. */
  vectorField: string | undefined;
  /** Which fields stay with the document, beside its text. */
  payload: "all" | "none" | readonly string[];
  /** Before every id, so that several sources can share a collection. */
  idPrefix: string;
}

/** Where in a file to begin: with the record at this place, as an `Origin` gave it. */
export type Place = Pick<Origin, "line" | "offset" | "row">;

export interface ReaderContext {
  signal: AbortSignal;
  /** How far into the file it is, for progress: bytes read since the last call. */
  onBytes: (delta: number) => void;
  /** Default: with the first record. A file that is one document has no other place. */
  from?: Place;
}

/** Turns one file into items, as a stream. It throws for nothing that the input can do: what is broken is a dead item. */
export type Reader = (file: InputFile, options: ReaderOptions, context: ReaderContext) => AsyncIterable<Item>;

export type ChunkerName = (typeof chunkerNames)[number];

export interface ChunkOptions {
  /** Default: what suits the document's format. */
  by: ChunkerName | "format";
  /** Characters (UTF-16 units) at most; by tokens, tokens. */
  size: number;
  /** What neighbouring chunks share, at most, in the same unit. */
  overlap: number;
}

/** A stretch of a text: `text.slice(start, end)`, neither blank nor with space at its ends. */
export interface Piece {
  start: number;
  end: number;
  /** The headings that it stands under, outermost first. */
  headings?: readonly string[];
}

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
  /** The record's own: there is nothing to embed. */
  vector?: Float32Array;
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
  /** Where in the document's text the chunk stands, characters: `text.slice(start, end)`. */
  start: "_ragctl_start",
  end: "_ragctl_end",
  /** The headings that it stands under, outermost first. */
  headings: "_ragctl_headings",
  /** The page that it begins on, from 1. */
  page: "_ragctl_page",
} as const;
