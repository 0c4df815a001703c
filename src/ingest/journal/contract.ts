import type { Place } from "../contract.ts";
import type { Fate } from "../tally.ts";

/** How far a file is done: of its items, in order, all up to one have met their fate, and what was to be stored is. */
export interface FilePosition {
  /** Absolute. */
  path: string;
  /** When it was begun; a file that differs later is read anew. */
  bytes: number;
  mtimeMs: number;
  /** Items that are done, from the first one on without a gap. */
  items: number;
  /** Of the last of them: where to begin reading again, with one item to skip. Absent where the reader knows no places. */
  place?: Place;
  /** The whole file, to its end. */
  done?: true;
}

export type DocumentCounts = Record<Fate, number>;

/** What one durable line of the journal says; positions of files that did not move since the last line are left out. */
export interface JournalEntry {
  files: FilePosition[];
  /** Ids noted so far in the file of seen ids, of this run and those that it continues. */
  seen: number;
  /** Of everything that is done, this run and those that it continues together. */
  documents: DocumentCounts;
}

/** Where acknowledged positions go. */
export interface IngestJournal {
  /**
   * Durable when it returns.
   * @param digests of the ids that became done since the last entry
   * @throws RagctlError exit 5 where it cannot be written: the run must not go on as if it were
   */
  append(entry: JournalEntry, digests: readonly bigint[]): void;
  close(): void;
}

/** What earlier runs left: where to go on. */
export interface ResumeState {
  /** The run that is continued. */
  run: string;
  /** By path. */
  files: ReadonlyMap<string, FilePosition>;
  /** Digests of the ids of all that is done. */
  seen: BigUint64Array;
  documents: DocumentCounts;
}
