import { stat } from "node:fs/promises";
import type { InputFile, Item, Place, ReaderOptions } from "../contract.ts";
import type { Listing } from "../inputs/list.ts";
import type { Acknowledged, OpenFile } from "../journal/acknowledged.ts";
import type { FilePosition, ResumeState } from "../journal/contract.ts";
import { readAhead } from "../read-ahead.ts";
import { readers } from "../readers/index.ts";
import { sameId } from "../readers/lost.ts";
import { SeenIds } from "../seen-ids.ts";
import type { Tally } from "../tally.ts";

/** A stretch of a file: from the record at a place (default: the first) so many items (default: all that follow). */
export interface Slice {
  from?: Place;
  items?: number;
}

export interface SourceContext {
  options: ReaderOptions;
  signal: AbortSignal;
  tally: Tally;
  acknowledged: Acknowledged;
  resume: ResumeState | undefined;
  slice: ((file: InputFile) => Slice | undefined) | undefined;
  progress: { bytes: number; files: number };
}

type Read = { file: InputFile; position: FilePosition | undefined } & ({ item: Item } | { end: true });

/**
 * Everything that the files hold and that is not done yet, one after the other, each id once. Ends early, without
 * complaint, on an interrupt.
 */
export async function* sourceItems(listing: Listing, context: SourceContext): AsyncGenerator<Item, undefined> {
  const { signal, tally, acknowledged, resume, progress } = context;
  const seen = new SeenIds();
  for (const digest of resume?.seen ?? []) seen.addDigest(digest);
  for (const dead of listing.dead) {
    tally.read++;
    yield dead;
  }
  const open = new Map<InputFile, OpenFile>();
  /** Files that broke off. */
  const cut = new Set<InputFile>();
  const opened = (file: InputFile, position: FilePosition) => {
    const known = open.get(file) ?? acknowledged.open(position);
    open.set(file, known);
    return known;
  };
  try {
    for await (const read of readAhead(listing.files, (file) => readFile(file, context))) {
      if (signal.aborted) return;
      const { file, position } = read;
      if ("end" in read) {
        progress.files++;
        if (position && !cut.has(file)) acknowledged.ended(opened(file, position));
        cut.delete(file);
        open.delete(file);
        continue;
      }
      const { item } = read;
      tally.read++;
      const repeats = item.kind === "document" && !seen.add(item.id);
      // What could not be read on is not done: the next run may.
      if (item.kind === "dead" && item.rest) cut.add(file);
      else if (position) acknowledged.read(opened(file, position), item, repeats);
      if (item.kind === "dead" || !repeats) yield item;
      // The same record once more, word for word: it is stored already, or about to be.
      else if (item.idFromContent) tally.settle("unchanged", item);
      else tally.buryDocument(item, "read", sameId(item.id));
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** What is left of one file. */
async function* readFile(file: InputFile, context: SourceContext): AsyncGenerator<Read> {
  const { options, signal, resume, progress } = context;
  const before = file.stream ? undefined : resume?.files.get(file.path);
  const slice = context.slice?.(file);
  if (before?.done) {
    progress.bytes += file.bytes;
    return;
  }
  const from = before?.place ?? slice?.from;
  if (from?.offset !== undefined && !file.compression) progress.bytes += from.offset;
  // Reading begins again with the last record that is done.
  let skip = before?.place ? 1 : (before?.items ?? 0);
  let left = slice?.items === undefined ? Infinity : slice.items - (before?.items ?? 0);
  const position = file.stream ? undefined : (before ?? (await begin(file)));
  const onBytes = (delta: number) => void (progress.bytes += delta);
  if (left > 0)
    for await (const item of readers[file.reader].read(file, options, { signal, onBytes, ...(from ? { from } : {}) })) {
      if (skip-- > 0) continue;
      yield { file, position, item };
      if (--left <= 0) break;
    }
  yield { file, position, end: true };
}

/** A file before its first item; undefined where it cannot be looked at: its reader will say why. */
async function begin({ path }: InputFile): Promise<FilePosition | undefined> {
  try {
    const { size, mtimeMs } = await stat(path);
    return { path, bytes: size, mtimeMs, items: 0 };
  } catch {
    return undefined;
  }
}

/** The first file of those begun before that is not what it was; going on in it would miss what changed. */
export async function changedFile(listing: Listing, resume: ResumeState): Promise<string | undefined> {
  for (const file of listing.files) {
    const before = resume.files.get(file.path);
    if (!before) continue;
    const now = await begin(file);
    if (now && (now.bytes !== before.bytes || now.mtimeMs !== before.mtimeMs)) return file.name;
  }
  return undefined;
}
