import { closeSync, fsyncSync, mkdirSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { ExitCode, RagctlError } from "../errors.ts";
import { processStartTime } from "../process-identity.ts";
import type { Runtime } from "../runtime.ts";
import { scrubbedJson, scrubber } from "../secrets.ts";
import type { Run, RunSummary } from "./contract.ts";
import { journalFile, makeRunId, resultFile, runFile, runsDir, writeJsonAtomically } from "./layout.ts";

export interface RunOptions {
  command: string;
  cluster?: string;
  /** A command line that goes on where this run stops, should it stop; `{id}` in it becomes the run's id. */
  resume?: string;
  /** Where a journal that fails late is said; stderr unless given. */
  warn?: (text: string) => void;
}

/**
 * Begins a run: a directory of its own, its journal, and who runs it. Secrets that the runtime has met never get in.
 * @throws RagctlError exit 2, code `state-dir-unwritable`, where there is no place to keep it
 */
export function openRun(runtime: Runtime, options: RunOptions): Run {
  const scrub = scrubber(runtime);
  const warn = options.warn ?? ((text) => runtime.stderr.write(`warning: ${text}\n`));
  const { id, dir } = makeRunDir(runtime);
  const resume = options.resume?.replaceAll("{id}", id);
  const processStart = processStartTime(runtime.pid);
  const summary: RunSummary = {
    id,
    command: options.command,
    ...(options.cluster === undefined ? {} : { cluster: options.cluster }),
    startedAt: runtime.clock.nowMs(),
    pid: runtime.pid,
    ...(processStart === undefined ? {} : { processStart }),
    state: "running",
    ...(resume === undefined ? {} : { resume }),
  };
  let journal: number;
  try {
    writeJsonAtomically(join(dir, runFile), summary, scrub);
    journal = openSync(join(dir, journalFile), "a", 0o600);
  } catch (error) {
    throw unwritable(dir, error);
  }
  let torn = false;
  let complained = false;
  const complain = (what: string, error: unknown) => {
    if (!complained) warn(`${what} of run ${id} could not be written (${reason(error)}); the result below is whole`);
    complained = true;
  };
  let ended = false;
  return {
    id,
    dir,
    event({ at = runtime.clock.nowMs(), ...event }, { durable = false } = {}) {
      try {
        if (ended) throw new Error("the run has ended");
        // After a line that was cut short, a new one must not go on in it.
        const line = Buffer.from(`${torn ? "\n" : ""}${scrubbedJson({ at, ...event }, scrub)}\n`);
        torn = true;
        if (writeSync(journal, line) < line.length) throw new Error("only a part of it fitted");
        torn = false;
        if (durable) fsyncSync(journal);
      } catch (error) {
        if (durable) throw notDurable(id, dir, error);
        complain("the journal", error);
      }
    },
    end({ result, ...outcome }) {
      if (ended) return;
      ended = true;
      try {
        closeSync(journal);
        if (result !== undefined) writeJsonAtomically(join(dir, resultFile), result, scrub);
        // A run that came to its end has nothing to resume, unless it says so itself.
        const { resume: _before, ...rest } = summary;
        const final: RunSummary = { ...rest, ...definedOnly(outcome), endedAt: runtime.clock.nowMs(), ...verdictOf(result) };
        writeJsonAtomically(join(dir, runFile), final, scrub);
      } catch (error) {
        complain("the record", error);
      }
    },
  };
}

function makeRunDir(runtime: Runtime): { id: string; dir: string } {
  const parent = runsDir(runtime.stateDir);
  for (let attempt = 0; ; attempt++) {
    const id = makeRunId(runtime.clock.nowMs(), runtime.rng);
    const dir = join(parent, id);
    try {
      mkdirSync(parent, { recursive: true, mode: 0o700 });
      mkdirSync(dir, { mode: 0o700 });
      return { id, dir };
    } catch (error) {
      // Two runs of one second that drew the same tail: draw again.
      if ((error as NodeJS.ErrnoException).code !== "EEXIST" || attempt >= 20) throw unwritable(parent, error);
    }
  }
}

function unwritable(dir: string, error: unknown): RagctlError {
  return new RagctlError(`runs are kept in ${dir}, which cannot be written: ${reason(error)}`, {
    code: "state-dir-unwritable",
    exitCode: ExitCode.usage,
    hint: "make it writable, or set XDG_STATE_HOME to a directory that is",
    cause: error,
  });
}

function notDurable(id: string, dir: string, error: unknown): RagctlError {
  return new RagctlError(
    `the journal of run ${id} could not be written to disk: ${reason(error)}; stopped before the next step`,
    {
      code: "journal-failed",
      exitCode: ExitCode.unhealed,
      hint: `make room in ${dir}, then see ragctl runs ${id}`,
      cause: error,
    },
  );
}

const reasons: Record<string, string> = {
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "a read-only file system",
  ENOSPC: "no space left on the disk",
  EFBIG: "the file may not grow any further",
  EDQUOT: "over the disk quota",
  ENOTDIR: "a part of the path is a file",
  EEXIST: "something else is in its place",
  ENOENT: "it is gone",
};

/** What kept a file from being written, in a few words. */
export function reason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return reasons[code ?? ""] ?? message;
}

function verdictOf(result: unknown): { verdict?: string } {
  const verdict = typeof result === "object" && result !== null && "verdict" in result ? result.verdict : undefined;
  return typeof verdict === "string" ? { verdict } : {};
}

function definedOnly<T extends object>(record: T): T {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as T;
}
