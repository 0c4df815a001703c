import { closeSync, fsyncSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { ExitCode, RagctlError } from "../../errors.ts";
import type { Run } from "../../runs/contract.ts";
import { reason } from "../../runs/open.ts";
import type { IngestJournal } from "./contract.ts";

/** In the run's directory: eight bytes an id, in the order in which documents became done. */
export const seenFile = "seen-ids.bin";
/** Name of the journal's events. */
export const acknowledgedEvent = "acknowledged";

/**
 * A run's own journal as the place of acknowledged positions. Ids first, then the line that counts them: a crash between the
 * two leaves ids that no line counts, and a reader leaves them out.
 */
export function runJournal(run: Pick<Run, "id" | "dir" | "event">): IngestJournal {
  const file = join(run.dir, seenFile);
  let descriptor: number | undefined;
  return {
    append(entry, digests) {
      try {
        if (digests.length > 0) {
          descriptor ??= openSync(file, "a", 0o600);
          const bytes = Buffer.from(BigUint64Array.from(digests).buffer);
          if (writeSync(descriptor, bytes) < bytes.length) throw new Error("only a part of it fitted");
          fsyncSync(descriptor);
        }
      } catch (error) {
        throw new RagctlError(`the journal of run ${run.id} could not be written to disk: ${reason(error)}`, {
          code: "journal-failed",
          exitCode: ExitCode.unhealed,
          hint: `what is stored stays; make room in ${run.dir}, then ragctl ingest --resume ${run.id} goes on`,
          cause: error,
        });
      }
      run.event({ kind: "ingest", name: acknowledgedEvent, phase: "end", detail: entry }, { durable: true });
    },
    close() {
      if (descriptor !== undefined) closeSync(descriptor);
      descriptor = undefined;
    },
  };
}
