import type { CollectionWishes } from "../collection.ts";
import type { ChunkOptions, InputFile, Place, ReaderOptions } from "../contract.ts";

/** A stretch of one file, as it stands in the queue. */
export interface SliceFile extends Omit<InputFile, "stream"> {
  /** Where it begins; absent: with the first record. */
  from?: Place;
  /** Records in it; absent: all that follow. */
  items?: number;
  /** Of the bytes at its beginning: whoever works on it must have the same file. Absent: of a compressed one, its size alone tells. */
  digest?: string;
}

/** What a job holds: some files or one stretch of one. Its documents have keys of their own, so doing it twice changes nothing. */
export interface SliceJob {
  batch: string;
  files: SliceFile[];
  /** Its share of the input, for progress. */
  bytes: number;
}

/** What all jobs of one `enqueue` have in common. */
export interface Batch {
  id: string;
  cluster: string;
  collection: string;
  /** What the vectors must be made by; a worker with another embedder does not touch it. */
  embedder: { name: string; dim: number };
  reader: ReaderOptions;
  chunk: ChunkOptions;
  wishes: CollectionWishes;
  force: boolean;
  cwd: string;
  paths: string[];
  enqueuedAtMs: number;
  /** So far: more come until it is `complete`. */
  jobs: number;
  bytes: number;
  complete: boolean;
}

/** What a job answers. Doing it again replaces it. */
export interface SliceResult {
  batch: string;
  bytes: number;
  documents: { read: number; ok: number; unchanged: number; skipped: number; dead: number };
  chunks: { written: number; unchanged: number; deleted: number };
  elapsedMs: number;
  finishedAtMs: number;
  worker: string;
}

export interface WorkerBeat {
  id: string;
  host: string;
  pid: number;
  startedAtMs: number;
  seenAtMs: number;
  done: number;
  failed: number;
  /** Ids of the jobs in hand. */
  active: string[];
}

/** A worker that has not been heard of for so long is taken for dead; its jobs go back to the queue by themselves. */
export const beatEveryMs = 2_000;
export const beatTtlMs = 10_000;
