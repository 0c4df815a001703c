import { type FileHandle, open } from "node:fs/promises";
import { datasetError } from "./problems.ts";

/** A file read by position: nothing is held in memory but what was asked for. */
export interface FileBytes {
  readonly path: string;
  readonly size: number;
  /** Exactly `length` bytes at `offset`; rejects where the file ends before. */
  read(offset: number, length: number): Promise<Buffer>;
  close(): Promise<void>;
}

/** @throws RagctlError (exit 2): no such file, a directory, not readable, empty */
export async function openBytes(path: string): Promise<FileBytes> {
  let handle: FileHandle;
  try {
    handle = await open(path, "r");
  } catch (error) {
    throw datasetError(path, reason(error as NodeJS.ErrnoException));
  }
  const stat = await handle.stat();
  const problem = stat.isDirectory()
    ? "is a directory, and a file is wanted"
    : stat.isFile() && stat.size === 0
      ? "the file is empty"
      : undefined;
  if (problem) {
    await handle.close();
    throw datasetError(path, problem);
  }
  return {
    path,
    size: stat.size,
    read: async (offset, length) => {
      const buffer = Buffer.allocUnsafe(length);
      let done = 0;
      while (done < length) {
        const { bytesRead } = await handle.read(buffer, done, length - done, offset + done);
        if (bytesRead === 0)
          throw datasetError(path, `cut short: ${offset + length} bytes are wanted, and there are ${offset + done}`);
        done += bytesRead;
      }
      return buffer;
    },
    close: () => handle.close(),
  };
}

function reason(error: NodeJS.ErrnoException): string {
  if (error.code === "ENOENT") return "no such file";
  if (error.code === "EACCES" || error.code === "EPERM") return "not readable: permission denied";
  return error.message;
}
