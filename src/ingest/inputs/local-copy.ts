import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { InputFile, ReaderContext } from "../contract.ts";
import { bytesOf } from "./bytes.ts";

/** A place on disk where a file can be read in any order. */
interface LocalFile {
  path: string;
  dispose(): Promise<void>;
}

/** The file itself; or, where it is compressed or standard input, a copy of what it holds, for as long as it is needed. */
export async function localFile(file: InputFile, context: Pick<ReaderContext, "signal" | "onBytes">): Promise<LocalFile> {
  if (!file.compression && !file.stream) return { path: file.path, dispose: async () => {} };
  const dir = await mkdtemp(join(tmpdir(), "ragctl-ingest-"));
  const dispose = () => rm(dir, { recursive: true, force: true });
  try {
    const path = join(dir, "unpacked");
    await pipeline(bytesOf(file, context), createWriteStream(path));
    return { path, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}
