import { createWriteStream } from "node:fs";
import { once } from "node:events";
import type { WindowRecord } from "./record.ts";

/** Where a run keeps its windows, in its directory. */
export const windowsFile = "windows.ndjson";

/** Windows on their way to disk, one line each. A disk that fails costs the file, not the run. */
export interface WindowFile {
  write(record: WindowRecord): void;
  /** Resolves when everything is written; a reason where it could not be. */
  end(): Promise<string | undefined>;
}

export function openWindowFile(path: string): WindowFile {
  const stream = createWriteStream(path, { flags: "w", mode: 0o600 });
  let problem: string | undefined;
  stream.on("error", (error) => (problem ??= error.message));
  return {
    write(record) {
      if (problem === undefined) stream.write(`${JSON.stringify(record)}\n`);
    },
    async end() {
      if (problem === undefined) {
        stream.end();
        await once(stream, "close").catch((error: Error) => (problem ??= error.message));
      }
      return problem;
    },
  };
}
