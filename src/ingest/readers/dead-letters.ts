import { isAbsolute, resolve } from "node:path";
import { stat } from "node:fs/promises";
import { deadLetterSchema, deadRunSchema, type DeadLetter, type DeadRun } from "../dead-letters.ts";
import type { DeadRecord, InputFile, Item, Origin, Place, Reader, ReaderContext, ReaderOptions } from "../contract.ts";
import { bytesOf } from "../inputs/bytes.ts";
import { sentenceOf } from "../inputs/file-error.ts";
import { documentOfRow } from "./csv.ts";
import { behind, splitLines } from "./lines.ts";
import { deadLine, deadRest, longestLineBytes, sameId, tooLong } from "./lost.ts";
import { formats, kindOf } from "./names.ts";
import { documentOfJson } from "./record.ts";
import { decodeUtf8, utf8Problem } from "./utf8.ts";

/**
 * Dead letters once more: from the record that a letter holds (which somebody may have mended), or else from where it came
 * from. What fails again is a dead letter with its origin and its new reason.
 */
export const deadLettersReader: Reader = async function* (file, options, context): AsyncGenerator<Item> {
  const { from } = context;
  let run = await readDeadRun(file, context);
  let next: Place = { line: from?.line ?? 1, offset: from?.offset ?? 0 };
  try {
    for await (const line of splitLines(bytesOf(file, context, from?.offset), longestLineBytes, from)) {
      next = behind(line);
      if ("tooLong" in line) {
        yield tooLong(file, line);
        continue;
      }
      const text = decodeUtf8(line.content, line.offset === 0);
      if (text?.trim() === "") continue;
      const value = text === undefined ? undefined : parsed(text);
      const about = deadRunSchema.safeParse(value);
      if (about.success) {
        run = about.data;
        continue;
      }
      const letter = deadLetterSchema.safeParse(value);
      // One letter may be many items, from another file: only their number tells how far this one was read.
      if (letter.success) for await (const item of itemsOf(letter.data, { run, options, context })) yield { ...item, place: {} };
      else yield deadLine(file, line, text === undefined ? utf8Problem(line.content) : "no dead letter of ragctl ingest", text);
    }
  } catch (error) {
    yield deadRest(file, error, context.signal, next);
  }
};

/** What the file says of the run that left it; undefined where it does not begin with that. */
export async function readDeadRun(file: InputFile, { signal }: Pick<ReaderContext, "signal">): Promise<DeadRun | undefined> {
  try {
    for await (const line of splitLines(bytesOf(file, { signal, onBytes: () => {} }), longestLineBytes)) {
      if ("tooLong" in line) return undefined;
      const about = deadRunSchema.safeParse(parsed(line.content.toString()));
      return about.success ? about.data : undefined;
    }
  } catch {
    // Reading it in earnest will say what is wrong.
    signal.throwIfAborted();
  }
  return undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

interface Around {
  run: DeadRun | undefined;
  options: ReaderOptions;
  context: ReaderContext;
}

async function* itemsOf(letter: DeadLetter, around: Around): AsyncGenerator<Item> {
  const { record } = letter;
  if (record === undefined) yield* fromOrigin(letter, around);
  else yield await fromRecord(letter, record, around.options);
}

async function fromRecord(letter: DeadLetter, record: string, options: ReaderOptions): Promise<Item> {
  const origin = originOf(letter);
  // What was read once is kept as JSON; a row that could not be read, as it was.
  const outcome =
    letter.columns && !record.trimStart().startsWith("{")
      ? await documentOfRow(record, letter.columns, options, origin)
      : documentOfJson(record, options, origin);
  if (typeof outcome === "string") return deadAgain(letter, outcome);
  // The other document is stored by now, and this one would take its place.
  if (letter.reason === sameId(outcome.id)) return deadAgain(letter, letter.reason);
  // Made from the record as it was written then, character by character.
  return outcome.idFromContent && letter.id !== undefined ? { ...outcome, id: letter.id } : outcome;
}

async function* fromOrigin(letter: DeadLetter, { run, options, context }: Around): AsyncGenerator<Item> {
  const { source, line, offset, row, rest, rows } = letter;
  if (source === "-") {
    yield deadAgain(letter, "it came from standard input, which cannot be read again");
    return;
  }
  if (!run && !isAbsolute(source)) {
    yield deadAgain(letter, `nothing says where ${source} is: the file lacks its first line, about the run`);
    return;
  }
  const path = resolve(run?.cwd ?? "/", source);
  const kind = kindOf(path);
  const reader = formats.find((format) => format === run?.format) ?? kind.reader;
  if (!reader) {
    yield deadAgain(letter, "no reader takes this kind of file");
    return;
  }
  let bytes: number;
  try {
    ({ size: bytes } = await stat(path));
  } catch (error) {
    yield deadAgain(letter, `the file could not be read: ${sentenceOf(error)}`);
    return;
  }
  const file: InputFile = { path, name: source, bytes, reader, ...(kind.compression ? { compression: kind.compression } : {}) };
  const place = {
    ...(line === undefined ? {} : { line }),
    ...(offset === undefined ? {} : { offset }),
    ...(row === undefined ? {} : { row }),
  };
  const single = line !== undefined || row !== undefined;
  let left = rest || !single ? Infinity : (rows ?? 1);
  const { readers } = await import("./index.ts");
  for await (const item of readers[reader].read(file, options, {
    signal: context.signal,
    onBytes: () => {},
    ...(single ? { from: place } : {}),
  })) {
    yield item;
    if (--left <= 0) return;
  }
}

function deadAgain(letter: DeadLetter, reason: string): DeadRecord {
  const { id, record, columns, rest, rows } = letter;
  return {
    kind: "dead",
    origin: originOf(letter),
    stage: "read",
    reason,
    ...(id === undefined ? {} : { id }),
    ...(record === undefined ? {} : { record }),
    ...(columns === undefined ? {} : { columns }),
    ...(rest ? { rest } : {}),
    ...(rows === undefined ? {} : { rows }),
  };
}

function originOf({ source, line, offset, row }: DeadLetter): Origin {
  return {
    source,
    ...(line === undefined ? {} : { line }),
    ...(offset === undefined ? {} : { offset }),
    ...(row === undefined ? {} : { row }),
  };
}
