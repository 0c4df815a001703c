import { existsSync, readdirSync, readFileSync } from "node:fs";
import type { HealRecord, Json } from "../../src/faults/contract.ts";
import type { ProcessIdentity } from "../../src/process-identity.ts";

/** Whoever runs the watchdog over this record, from /proc; undefined where nobody does. */
export function watchdogPid(recordId: string): number | undefined {
  const found = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && existsSync(`/proc/${name}/cmdline`))
    .find((name) => {
      const line = readOrEmpty(`/proc/${name}/cmdline`).split("\0");
      return line.some((word) => word.includes("watchdog.main")) && line.includes(recordId);
    });
  return found === undefined ? undefined : Number(found);
}

/** The record as it would be had the pids of what it was injected into gone to another process since. */
export function withReusedPid(record: HealRecord, pid: number): HealRecord {
  const { target, undo } = record;
  return { ...record, target: reuse(target as unknown as Json, pid) as unknown as HealRecord["target"], undo: reuse(undo, pid) };
}

function reuse(value: Json, pid: number): Json {
  if (Array.isArray(value)) return value.map((each) => reuse(each, pid));
  if (typeof value !== "object" || value === null) return value;
  if (isIdentity(value)) return { ...value, pid };
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, reuse(each, pid)]));
}

function isIdentity(value: object): value is ProcessIdentity {
  return "pid" in value && "startTime" in value;
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
