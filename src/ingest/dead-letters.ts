import { closeSync, openSync, writeSync } from "node:fs";
import { access } from "node:fs/promises";
import { ExitCode, RagctlError, usageError } from "../errors.ts";
import type { DeadRecord } from "./contract.ts";

/** Where records go that could not be ingested: one JSON object a line, each with its reason and its position. */
export interface DeadLetters {
  readonly file: string;
  write(record: DeadRecord): void;
  close(): void;
}

/** @throws RagctlError exit 2 where the file is there already: it may hold what someone still wants */
export async function openDeadLetters(file: string): Promise<DeadLetters> {
  const taken = await access(file).then(
    () => true,
    () => false,
  );
  if (taken) throw usageError([{ file, message: "is there already; dead letters want a new file" }]);
  let descriptor: number | undefined;
  return {
    file,
    write({ stage, reason, id, origin, record }) {
      try {
        // Made with the first record, so that a clean run leaves no file; at once, so that a crash loses none.
        descriptor ??= openSync(file, "wx");
        writeSync(descriptor, `${JSON.stringify({ schemaVersion: 1, reason, stage, ...origin, id, record })}\n`);
      } catch (error) {
        throw new RagctlError(`the dead letters cannot be written to ${file}: ${(error as Error).message}`, {
          code: "dead-letters",
          exitCode: ExitCode.usage,
          hint: "name another place with --dead-letters FILE; running the same command again skips what is already stored",
        });
      }
    },
    close() {
      if (descriptor !== undefined) closeSync(descriptor);
      descriptor = undefined;
    },
  };
}
