import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { ExitCode, RagctlError } from "../errors.ts";
import type { ItemState } from "./run/contract.ts";

const planFile = "warm-plan.ndjson";
const doneFile = "warm-done.ndjson";

/** Keeps which queries of a plan are done with; a run that dies goes on from it. */
export interface WarmJournal {
  done(index: number, state: ItemState): void;
  /** What came in since the last time goes to the file. */
  flush(): void;
  close(): void;
}

/** A journal with one line a flush: places in the plan, by what became of them. */
export function openJournal(dir: string, onFailure: (text: string) => void): WarmJournal {
  let pending: Partial<Record<ItemState, number[]>> = {};
  let broken = false;
  const file = openSync(join(dir, doneFile), "a", 0o600);
  const flush = () => {
    if (broken || Object.keys(pending).length === 0) return;
    try {
      writeSync(file, `${JSON.stringify(pending)}\n`);
      pending = {};
    } catch (error) {
      // What is not in it is done again: nothing is lost.
      broken = true;
      onFailure(
        `the journal of this run could not be written (${(error as Error).message}): --resume will do some queries again`,
      );
    }
  };
  return {
    done: (index, state) => void (pending[state] ??= []).push(index),
    flush,
    close() {
      flush();
      closeSync(file);
    },
  };
}

/** A plan as it lies in its run's directory: a head, then a line a query. */
export function writePlan(dir: string, head: unknown, lines: readonly unknown[]): void {
  writeFileSync(join(dir, planFile), `${[head, ...lines].map((line) => JSON.stringify(line)).join("\n")}\n`, { mode: 0o600 });
}

/**
 * @returns the plan of a run, and by place what became of its queries; those that failed are tried again
 * @throws RagctlError exit 2 where the run has no plan
 */
export function readJournal(dir: string): { head: unknown; lines: unknown[]; done: Map<number, ItemState> } {
  let text: string;
  try {
    text = readFileSync(join(dir, planFile), "utf8");
  } catch (error) {
    throw new RagctlError(`there is nothing to resume in ${dir}`, {
      code: "no-plan",
      exitCode: ExitCode.usage,
      hint: "ragctl runs lists what can be resumed",
      cause: error,
    });
  }
  const [head, ...lines] = text
    .trimEnd()
    .split("\n")
    .map((line): unknown => JSON.parse(line));
  const done = new Map<number, ItemState>();
  for (const entry of doneLines(dir))
    for (const state of ["warmed", "skipped"] as const) for (const index of entry[state] ?? []) done.set(index, state);
  return { head, lines, done };
}

/** A crash can leave half a last line. */
function doneLines(dir: string): Partial<Record<ItemState, number[]>>[] {
  let text: string;
  try {
    text = readFileSync(join(dir, doneFile), "utf8");
  } catch {
    return [];
  }
  return text.split("\n").flatMap((line) => {
    try {
      return line === "" ? [] : [JSON.parse(line) as Partial<Record<ItemState, number[]>>];
    } catch {
      return [];
    }
  });
}
