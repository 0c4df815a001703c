import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

/** Who a process is: a pid alone may be somebody else's tomorrow. Plain JSON, so that it can stand in journals and locks. */
export interface ProcessIdentity {
  pid: number;
  /** Opaque; equal only for the same process of the same boot. */
  startTime: string;
}

/**
 * When the process with this pid started, as an opaque token, or undefined when there is none (a zombie counts as none).
 * Linux: boot id and field 22 of `/proc/PID/stat` (ticks since boot). Elsewhere: `ps -o lstart=`, to the second.
 */
export function processStartTime(pid: number): string | undefined {
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  return hasProc() ? startTimeFromProc(pid) : startTimeFromPs(pid);
}

/** The identity of a process that runs now; undefined when there is none. */
export function identify(pid: number): ProcessIdentity | undefined {
  const startTime = processStartTime(pid);
  return startTime === undefined ? undefined : { pid, startTime };
}

/** Whether this very process still runs. */
export function isAlive(identity: ProcessIdentity): boolean {
  return processStartTime(identity.pid) === identity.startTime;
}

/**
 * Field 22 (start time) and field 3 (state) of a line of `/proc/PID/stat`. The command's name, field 2, stands in
 * parentheses and may itself hold blanks and parentheses, so counting starts after the last one.
 */
export function parseProcStat(stat: string): { state: string; startTicks: string } | undefined {
  const rest = stat
    .slice(stat.lastIndexOf(")") + 1)
    .trim()
    .split(" ");
  const state = rest[0];
  const startTicks = rest[19];
  return state && startTicks ? { state, startTicks } : undefined;
}

function startTimeFromProc(pid: number): string | undefined {
  try {
    const parsed = parseProcStat(readFileSync(`/proc/${pid}/stat`, "utf8"));
    if (!parsed || parsed.state === "Z" || parsed.state === "X") return undefined;
    return `${bootId()}/${parsed.startTicks}`;
  } catch {
    return undefined;
  }
}

function startTimeFromPs(pid: number): string | undefined {
  try {
    const line = execFileSync("ps", ["-o", "stat=,lstart=", "-p", String(pid)], {
      encoding: "utf8",
      timeout: 2000,
      stdio: ["ignore", "pipe", "ignore"],
    });
    const [state = "", ...start] = line.trim().split(/\s+/);
    return state === "" || state.startsWith("Z") ? undefined : start.join(" ");
  } catch {
    return undefined;
  }
}

let procPresent: boolean | undefined;
function hasProc(): boolean {
  return (procPresent ??= existsSync("/proc/self/stat"));
}

let boot: string | undefined;
/** Ticks count from the boot: without it, a pid and a tick could both come again after one. */
function bootId(): string {
  try {
    boot ??= readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim().slice(0, 8);
  } catch {
    boot = "boot";
  }
  return boot;
}

/** Whether the process with this pid is stopped (SIGSTOP, Ctrl-Z): it is there, and does nothing. */
export function isStopped(pid: number): boolean {
  return processState(pid)?.startsWith("T") ?? false;
}

function processState(pid: number): string | undefined {
  try {
    if (hasProc()) return parseProcStat(readFileSync(`/proc/${pid}/stat`, "utf8"))?.state;
    const options = { encoding: "utf8" as const, timeout: 2000, stdio: ["ignore" as const, "pipe" as const, "ignore" as const] };
    return execFileSync("ps", ["-o", "stat=", "-p", String(pid)], options).trim();
  } catch {
    return undefined;
  }
}
