import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { entryPath } from "../entry.ts";
import { ExitCode, RagctlError } from "../errors.ts";
import { callSupervisor, readSupervisorFile, SupervisorError, type SupervisorStatus } from "../faults/supervisor-socket.ts";
import { isAlive, type ProcessIdentity } from "../process-identity.ts";
import type { Runtime } from "../runtime.ts";
import { socketPathOf, type Layout } from "./layout.ts";
import { proxyProcessId } from "./programs.ts";
import { stopProcess } from "./stop-process.ts";

const askMs = 3_000;
const startMs = 20_000;
const lookEveryMs = 20;

/** What can be found out about a directory's supervisor. */
export type SupervisorState =
  | { kind: "answers"; socket: string; status: SupervisorStatus }
  /** Its file is there and it is not: `orphans` are processes of its that still run. */
  | { kind: "dead"; pid: number; socket: string; orphans: Record<string, ProcessIdentity> }
  /** It runs and does not answer. */
  | { kind: "silent"; identity: ProcessIdentity; socket: string; orphans: Record<string, ProcessIdentity> }
  | { kind: "none" };

export async function lookForSupervisor(layout: Layout): Promise<SupervisorState> {
  const file = readSupervisorFile(layout.dir);
  if (!file) return { kind: "none" };
  const orphans = Object.fromEntries(Object.entries(file.processes).filter(([, process]) => isAlive(process)));
  if (!isAlive(file.supervisor)) return { kind: "dead", pid: file.supervisor.pid, socket: file.socket, orphans };
  try {
    const status = await callSupervisor(file.socket, { op: "status" }, { timeoutMs: askMs });
    return { kind: "answers", socket: file.socket, status };
  } catch (error) {
    if (!(error instanceof SupervisorError)) throw error;
    return { kind: "silent", identity: file.supervisor, socket: file.socket, orphans };
  }
}

/**
 * The socket of this directory's supervisor, started where there is none. It adopts the nodes of a dead one.
 * @throws RagctlError exit 3 where it does not come up, with the end of its log
 */
export async function ensureSupervisor(
  layout: Layout,
  deps: { runtime: Runtime; note: (text: string) => void },
): Promise<{ socket: string; started: boolean }> {
  const state = await lookForSupervisor(layout);
  if (state.kind === "answers") return { socket: state.socket, started: false };
  if (state.kind === "dead")
    deps.note(`the supervisor (pid ${state.pid}) is gone; another one takes over${runningText(state.orphans)}`);
  if (state.kind === "silent") {
    deps.note(`the supervisor (pid ${state.identity.pid}) does not answer; it is stopped, and another one takes over`);
    await stopProcess(state.identity, deps.runtime.clock);
  }
  return { socket: await startSupervisor(layout, deps.runtime), started: true };
}

async function startSupervisor(layout: Layout, runtime: Runtime): Promise<string> {
  const socket = socketPathOf(layout.dir, tmpdir());
  mkdirSync(layout.logs, { recursive: true });
  const logPath = join(layout.logs, "supervisor.log");
  const log = openSync(logPath, "a");
  const entry = entryPath(import.meta.url, "./supervisor.main");
  const child = spawn(runtime.execPath, [entry, dirname(layout.dir), socket], {
    detached: true,
    cwd: layout.dir,
    env: runtime.env,
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  const fate: { ended?: string } = {};
  child.on("error", (error) => (fate.ended = error.message));
  child.on("exit", (code, signal) => (fate.ended = `it ended with ${signal ?? `exit code ${code}`}`));
  try {
    for (let waitedMs = 0; waitedMs < startMs && fate.ended === undefined; waitedMs += lookEveryMs) {
      await runtime.clock.sleep(lookEveryMs, runtime.signal);
      if (await answers(socket)) {
        child.unref();
        return socket;
      }
    }
  } catch (error) {
    child.kill("SIGTERM");
    throw error;
  }
  child.kill("SIGKILL");
  throw new RagctlError(
    `the supervisor did not start: ${fate.ended ?? `no answer within ${startMs / 1000} s`}${logTail(logPath)}`,
    {
      code: "supervisor-failed",
      exitCode: ExitCode.unreachable,
      hint: `its log: ${logPath}`,
    },
  );
}

async function answers(socket: string): Promise<boolean> {
  try {
    await callSupervisor(socket, { op: "status" }, { timeoutMs: 1_000 });
    return true;
  } catch (error) {
    if (error instanceof SupervisorError) return false;
    throw error;
  }
}

/**
 * Stops a directory's supervisor with all its processes, or, where it is dead, what it left running.
 * @returns how many nodes and caches were stopped
 */
export async function stopEverything(layout: Layout, runtime: Runtime): Promise<{ stopped: number; stuck: number[] }> {
  const state = await lookForSupervisor(layout);
  if (state.kind === "none") return { stopped: 0, stuck: [] };
  if (state.kind === "answers") {
    const running = state.status.processes.filter(({ process }) => process);
    const counted = running.filter(({ role }) => role !== "proxy").length;
    await callSupervisor(state.socket, { op: "shutdown" }, { timeoutMs: 30_000 });
    const left = running.filter(({ process }) => process && isAlive(process)).map(({ process }) => process!.pid);
    await waitGone(state.status.supervisor, runtime);
    return { stopped: counted, stuck: left };
  }
  if (state.kind === "silent") await stopProcess(state.identity, runtime.clock);
  const orphans = Object.values(state.orphans);
  const gone = await Promise.all(orphans.map((process) => stopProcess(process, runtime.clock)));
  for (const path of [state.socket, layout.supervisorFile, socketPathOf(layout.dir, tmpdir(), "proxy")])
    rmSync(path, { force: true });
  const counted = Object.keys(state.orphans).filter((id) => id !== proxyProcessId).length;
  return { stopped: counted, stuck: orphans.filter((_, index) => !gone[index]).map(({ pid }) => pid) };
}

async function waitGone(process: ProcessIdentity, runtime: Runtime): Promise<void> {
  for (let waitedMs = 0; waitedMs < askMs && isAlive(process); waitedMs += lookEveryMs) await runtime.clock.sleep(lookEveryMs);
}

function runningText(orphans: Record<string, ProcessIdentity>): string {
  const ids = Object.keys(orphans);
  return ids.length > 0 ? ` what still runs (${ids.join(", ")})` : "";
}

/** The last lines of a log, indented, for an error message. */
export function logTail(path: string, lines = 5): string {
  try {
    const tail = readFileSync(path, "utf8").trimEnd().split("\n").slice(-lines);
    return tail.join("").trim() === "" ? "" : `\n${tail.map((line) => `  | ${line}`).join("\n")}`;
  } catch {
    return "";
  }
}
