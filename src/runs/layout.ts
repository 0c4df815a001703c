import { closeSync, fsyncSync, openSync, renameSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Rng } from "../runtime.ts";
import { scrubbedJson } from "../secrets.ts";

/** `$XDG_STATE_HOME/ragctl/runs`. */
export function runsDir(stateDir: string): string {
  return join(stateDir, "runs");
}

export const runFile = "run.json";
export const resultFile = "result.json";
export const journalFile = "journal.ndjson";

const runIdPattern = /^\d{8}-\d{6}-[0-9a-z]{4}$/;

/** `20260131-235959-k3f9`: UTC, so that names sort by time; the tail tells apart what began in one second. */
export function makeRunId(nowMs: number, rng: Rng): string {
  const [date, time] = new Date(nowMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, "").split("T");
  const tail = Math.floor(rng() * 36 ** 4)
    .toString(36)
    .padStart(4, "0");
  return `${date}-${time}-${tail}`;
}

export function isRunId(name: string): boolean {
  return runIdPattern.test(name);
}

/** All of it or nothing of it: a temporary file beside it, fsync, rename. */
export function writeJsonAtomically(path: string, value: unknown, scrub: (text: string) => string): void {
  const temporary = `${path}.tmp`;
  const file = openSync(temporary, "w", 0o600);
  try {
    writeSync(file, `${scrubbedJson(value, scrub, 2)}\n`);
    fsyncSync(file);
  } catch (error) {
    closeSync(file);
    unlinkSync(temporary);
    throw error;
  }
  closeSync(file);
  renameSync(temporary, path);
}
