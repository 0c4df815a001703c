import { createHash } from "node:crypto";
import { open, stat } from "node:fs/promises";
import type { InputFile, Item, ReaderName, ReaderOptions } from "../contract.ts";
import { readers } from "../readers/index.ts";
import type { SliceFile, SliceJob } from "./contract.ts";

export interface SliceOptions {
  reader: ReaderOptions;
  /** Records of one job at most. */
  itemsPerJob: number;
  signal: AbortSignal;
}

/** Files that are one document each are put together in one job up to so many bytes. */
const bytesPerJob = 16 * 1024 * 1024;
const digestedBytes = 4096;

const wholeFiles: ReadonlySet<ReaderName> = new Set(["markdown", "text", "html", "pdf", "docx"]);

/**
 * The work of some files, cut into jobs: files of records at every so many records, files that are one document each several
 * together. Files of records are read once for it, so that every job knows where it begins.
 */
export async function* sliceFiles(files: readonly InputFile[], options: SliceOptions): AsyncGenerator<Omit<SliceJob, "batch">> {
  let together: SliceFile[] = [];
  let bytes = 0;
  const flush = () => {
    const job = { files: together, bytes };
    together = [];
    bytes = 0;
    return job;
  };
  for (const file of files) {
    if (options.signal.aborted) return;
    if (!wholeFiles.has(file.reader)) {
      yield* sliceRecords(file, options);
      continue;
    }
    together.push(await sliceFile(file, {}));
    bytes += file.bytes;
    if (bytes >= bytesPerJob || together.length >= options.itemsPerJob) yield flush();
  }
  if (together.length > 0) yield flush();
}

async function* sliceRecords(
  file: InputFile,
  { reader, itemsPerJob, signal }: SliceOptions,
): AsyncGenerator<Omit<SliceJob, "batch">> {
  let from: SliceFile["from"];
  let items = 0;
  let seenBytes = 0;
  let givenBytes = 0;
  const job = async (items?: number) => {
    const bytes = (items === undefined ? file.bytes : Math.min(seenBytes, file.bytes)) - givenBytes;
    givenBytes += bytes;
    return { files: [await sliceFile(file, { from, items })], bytes };
  };
  const context = { signal, onBytes: (delta: number) => void (seenBytes += delta) };
  for await (const item of readers[file.reader].read(file, reader, context)) {
    if (signal.aborted) return;
    if (items === itemsPerJob) {
      yield await job(items);
      from = placeOf(item);
      items = 0;
    }
    items++;
  }
  // The last one takes whatever follows: also what its own reader will say of the end.
  if (items > 0) yield await job();
}

function placeOf({ origin: { line, offset, row } }: Item): NonNullable<SliceFile["from"]> {
  return {
    ...(line === undefined ? {} : { line }),
    ...(offset === undefined ? {} : { offset }),
    ...(row === undefined ? {} : { row }),
  };
}

async function sliceFile(
  { path, name, bytes, reader, compression }: InputFile,
  { from, items }: { from?: SliceFile["from"]; items?: number | undefined },
): Promise<SliceFile> {
  const digest = compression ? undefined : await digestAt(path, from?.offset ?? 0);
  return {
    path,
    name,
    bytes,
    reader,
    ...(compression ? { compression } : {}),
    ...(from ? { from } : {}),
    ...(items === undefined ? {} : { items }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/** Of the first bytes from a place on: what tells one machine's file from another's of the same name. */
async function digestAt(path: string, offset: number): Promise<string> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(digestedBytes), 0, digestedBytes, offset);
    return createHash("sha256").update(buffer.subarray(0, bytesRead)).digest("hex").slice(0, 16);
  } finally {
    await file.close();
  }
}

/** Why this machine cannot work on a slice, as a sentence; undefined where it has the file that was enqueued. */
export async function sliceProblem(file: SliceFile): Promise<string | undefined> {
  try {
    const { size } = await stat(file.path);
    if (size !== file.bytes) return `${file.path} has ${size} bytes here; ${file.bytes} were enqueued`;
    if (file.digest !== undefined && (await digestAt(file.path, file.from?.offset ?? 0)) !== file.digest)
      return `${file.path} is not the file here that was enqueued`;
    return undefined;
  } catch (error) {
    return `${file.path} cannot be read here: ${(error as Error).message}`;
  }
}
