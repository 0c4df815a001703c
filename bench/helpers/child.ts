import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";

export interface ChildRun {
  stdout: string;
  stderr: string;
  exitCode: number | null;
  /** User and system time of the process with its threads, s; only what was read from /proc while it ran, so a few ms short. */
  cpuSec: number;
}

const ticksPerSec = 100;

/** Runs a program to its end on one processor, or wherever the system likes, and adds up what processor time it took (Linux). */
export function runPinned(
  core: number | undefined,
  command: string,
  args: string[],
  options: { timeoutMs: number; cwd?: string },
): Promise<ChildRun> {
  const argv = core === undefined ? [command, ...args] : ["taskset", "-c", String(core), command, ...args];
  const child = spawn(argv[0]!, argv.slice(1), { cwd: options.cwd, stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => (stdout += chunk));
  child.stderr.on("data", (chunk) => (stderr += chunk));
  let cpuSec = 0;
  const look = setInterval(() => (cpuSec = cpuOf(child.pid) ?? cpuSec), 50);
  const stop = setTimeout(() => child.kill("SIGKILL"), options.timeoutMs);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (exitCode) => {
      clearInterval(look);
      clearTimeout(stop);
      resolve({ stdout, stderr, exitCode, cpuSec });
    });
  });
}

function cpuOf(pid: number | undefined): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSec;
  } catch {
    return undefined;
  }
}

/** Whether a program is on PATH. */
export async function isInstalled(command: string): Promise<boolean> {
  return (await runPinned(undefined, "sh", ["-c", `command -v ${command}`], { timeoutMs: 5000 })).exitCode === 0;
}
