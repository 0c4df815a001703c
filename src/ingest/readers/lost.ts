import type { DeadRecord, InputFile, Place } from "../contract.ts";
import { isFileError, sentenceOf } from "../inputs/file-error.ts";
import type { Line } from "./lines.ts";

/** A longer line is not read into memory; it is dead-lettered by its position. */
export const longestLineBytes = 64 * 2 ** 20;
/** A longer record is not copied to the dead letters: they say where it is. */
export const longestKeptBytes = 2 ** 20;
/** A document is held in memory whole, so it must not be endless. */
export const longestDocumentBytes = 64 * 2 ** 20;

/** A record of one line that is broken. */
export function deadLine(file: InputFile, line: Omit<Line, "content">, reason: string, record?: string): DeadRecord {
  return {
    kind: "dead",
    origin: { source: file.name, line: line.number, offset: line.offset },
    stage: "read",
    reason,
    // Standard input cannot be read again.
    ...(record !== undefined && (line.bytes <= longestKeptBytes || file.stream) ? { record } : {}),
  };
}

export function tooLong(file: InputFile, line: Omit<Line, "content">): DeadRecord {
  return deadLine(file, line, `the line has ${line.bytes} bytes; at most ${longestLineBytes} are read`);
}

/**
 * A file that could not be read on: what was read stands, and the rest is said to be missing.
 * @throws the signal's reason after an interrupt; the error itself where it is not the file's
 */
export function deadRest(file: InputFile, error: unknown, signal: AbortSignal, place: Place): DeadRecord {
  signal.throwIfAborted();
  if (!isFileError(error)) throw error;
  return {
    kind: "dead",
    origin: { source: file.name, ...place },
    stage: "read",
    reason: `the file could not be read on: ${sentenceOf(error)}`,
    rest: true,
  };
}

/** A file of which nothing can be taken. */
export function deadFile(file: InputFile, reason: string): DeadRecord {
  return { kind: "dead", origin: { source: file.name }, stage: "read", reason, id: file.name };
}

/** Why the second document of an id is not taken: which of the two is meant, nobody can know. */
export function sameId(id: string): string {
  return `another document of this run has the id ${JSON.stringify(id)}`;
}
