import { readdirSync, readFileSync, rmSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import type { HealRecord } from "./contract.ts";
import { writeDurably } from "./durable-file.ts";

/**
 * `$XDG_STATE_HOME/ragctl/faults/`: one file a record, where any later start finds it. The lease is the file's
 * modification time: renewing it cannot bring back a record that someone healed meanwhile, as rewriting the file could.
 */
export interface JournalEntry {
  record: HealRecord;
  /** When the owner last said it was there, ms since the epoch. */
  renewedAtMs: number;
}

export interface BrokenEntry {
  path: string;
  problem: string;
}

export function journalDir(stateDir: string): string {
  return join(stateDir, "faults");
}

/** On disk (fsync) when it returns. */
export function writeRecord(dir: string, record: HealRecord, nowMs: number): void {
  writeDurably(pathOf(dir, record.id), `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
  renewLease(dir, record.id, nowMs);
}

/** @returns false where the record is gone: someone has healed it */
export function renewLease(dir: string, id: string, nowMs: number): boolean {
  try {
    utimesSync(pathOf(dir, id), nowMs / 1000, nowMs / 1000);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

export function removeRecord(dir: string, id: string): void {
  rmSync(pathOf(dir, id), { force: true });
}

/** @returns undefined where there is none (any more); throws a plain Error where the file is not a record */
export function readRecord(dir: string, id: string): JournalEntry | undefined {
  try {
    const path = pathOf(dir, id);
    const record = parseRecord(readFileSync(path, "utf8"));
    return { record, renewedAtMs: statSync(path).mtimeMs };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Every record there is, oldest first, and every file that should be one and is not. */
export function listRecords(dir: string): { entries: JournalEntry[]; broken: BrokenEntry[] } {
  const entries: JournalEntry[] = [];
  const broken: BrokenEntry[] = [];
  for (const id of recordIds(dir)) {
    try {
      const entry = readRecord(dir, id);
      if (entry) entries.push(entry);
    } catch (error) {
      broken.push({ path: pathOf(dir, id), problem: (error as Error).message });
    }
  }
  return { entries: entries.toSorted((a, b) => a.record.createdAt - b.record.createdAt), broken };
}

/** Cheap: one look into the directory. */
export function recordIds(dir: string): string[] {
  try {
    return readdirSync(dir)
      .filter((name) => name.endsWith(".json"))
      .map((name) => name.slice(0, -".json".length));
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

function parseRecord(text: string): HealRecord {
  const value = JSON.parse(text) as Partial<HealRecord> | null;
  if (value?.schemaVersion !== 1) throw new Error("not a heal record of this version of ragctl");
  const { id, fault, target, lease } = value;
  if (!id || !fault || !target?.kind || !lease?.owner?.pid || !lease.owner.startTime)
    throw new Error("the heal record is incomplete");
  return value as HealRecord;
}

function pathOf(dir: string, id: string): string {
  return join(dir, `${id}.json`);
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ENOENT";
}
