import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { usageError } from "../errors.ts";
import { isAlive, processStartTime } from "../process-identity.ts";
import type { RunEvent, RunSummary } from "./contract.ts";
import { isRunId, journalFile, resultFile, runFile, runsDir } from "./layout.ts";

export interface RunDetail {
  summary: RunSummary;
  dir: string;
  events: RunEvent[];
  /** What `result.json` holds; undefined when there is none. */
  result: unknown;
}

/** Ids of all runs, newest first; the names alone, nothing is read. */
export function runIds(stateDir: string): string[] {
  const dir = runsDir(stateDir);
  return existsSync(dir) ? readdirSync(dir).filter(isRunId).toSorted().toReversed() : [];
}

/** The newest `limit` runs, newest first. A directory without a readable `run.json` is passed over. */
export function listRuns(stateDir: string, limit: number): RunSummary[] {
  const found: RunSummary[] = [];
  for (const id of runIds(stateDir)) {
    if (found.length >= limit) break;
    const summary = readSummary(stateDir, id);
    if (summary) found.push(summary);
  }
  return found;
}

/**
 * One run.
 * @param wanted an id, the unambiguous beginning or end of one, or `latest`
 * @throws RagctlError exit 2 when there is none or more than one
 */
export function readRun(stateDir: string, wanted: string): RunDetail {
  const ids = runIds(stateDir);
  const exact = wanted === "latest" ? ids.slice(0, 1) : ids.filter((id) => id === wanted);
  const matches = exact.length > 0 ? exact : ids.filter((id) => id.startsWith(wanted) || id.endsWith(`-${wanted}`));
  const [id, ...others] = matches;
  if (id === undefined || others.length > 0)
    throw usageError(
      [{ path: "ID", message: id === undefined ? `there is no run "${wanted}"` : `${matches.length} runs match "${wanted}"` }],
      {
        code: "run-unknown",
        hint: "ragctl runs lists them",
      },
    );
  const summary = readSummary(stateDir, id);
  if (!summary)
    throw usageError([{ file: join(runsDir(stateDir), id, runFile), message: "cannot be read as a run" }], {
      code: "run-unreadable",
    });
  const dir = join(runsDir(stateDir), id);
  return { summary, dir, events: readJournal(join(dir, journalFile)), result: readJson(join(dir, resultFile)) };
}

/** Removes what ended before `beforeMs`. Runs that go on, or that can be resumed, stay. Returns their ids. */
export function pruneRuns(stateDir: string, beforeMs: number): string[] {
  return runIds(stateDir).filter((id) => {
    const summary = readSummary(stateDir, id);
    if (!summary || summary.state === "running" || summary.resume !== undefined) return false;
    if ((summary.endedAt ?? summary.startedAt) >= beforeMs) return false;
    rmSync(join(runsDir(stateDir), id), { recursive: true, force: true });
    return true;
  });
}

/** What is on disk, with `running` turned into `dead` where its process is gone. */
function readSummary(stateDir: string, id: string): RunSummary | undefined {
  const summary = readJson(join(runsDir(stateDir), id, runFile)) as RunSummary | undefined;
  if (typeof summary !== "object" || summary === null || summary.id !== id) return undefined;
  return summary.state === "running" && !runs(summary) ? { ...summary, state: "dead" } : summary;
}

function runs({ pid, processStart }: RunSummary): boolean {
  return processStart === undefined ? processStartTime(pid) !== undefined : isAlive({ pid, startTime: processStart });
}

/** A crash can leave half a last line: it is left out. */
function readJournal(path: string): RunEvent[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8")
    .split("\n")
    .flatMap((line) => {
      try {
        return line === "" ? [] : [JSON.parse(line) as RunEvent];
      } catch {
        return [];
      }
    });
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}
