import { spawn, type ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readSupervisorFile } from "../../src/faults/supervisor-socket.ts";
import type { UpFlags } from "../../src/local/plan.ts";
import { signalProcess } from "../../src/process-signal.ts";
import { packageRoot } from "../../src/version.ts";

interface CliRun {
  exitCode: number;
  stdout: string;
  stderr: string;
  /** The parsed JSON document; throws where stdout is not exactly one. */
  json(): any;
}

/** A directory of its own in which real `ragctl` processes are run. */
export interface Workspace {
  dir: string;
  env: Record<string, string | undefined>;
  /** Runs `ragctl …` to its end, as a process of its own. */
  cli(argv: readonly string[], options?: { env?: Record<string, string>; timeoutMs?: number }): Promise<CliRun>;
  /** Starts `ragctl …` and hands over the process. */
  start(argv: readonly string[], options?: { env?: Record<string, string> }): { child: ChildProcess; ended: Promise<CliRun> };
  /** `$XDG_STATE_HOME/ragctl`. */
  stateDir: string;
  /** Stops whatever runs here and removes the directory. */
  stop(): Promise<void>;
}

export interface LocalCluster extends Workspace {
  /** `.ragctl/cluster.json`, a config file. */
  config: string;
  /** What `up` answered. */
  status: any;
}

const defaultTimeoutMs = 90_000;

export async function makeWorkspace(): Promise<Workspace> {
  const dir = await realpath(await mkdtemp(join(tmpdir(), "ragctl-test-")));
  const env = { ...process.env, XDG_STATE_HOME: join(dir, "state"), NO_COLOR: "1" };
  const running = new Set<ChildProcess>();
  const start: Workspace["start"] = (argv, options = {}) => {
    const child = spawn(process.execPath, [join(packageRoot, "bin", "ragctl.ts"), ...argv], {
      cwd: dir,
      env: { ...env, ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    running.add(child);
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk) => (stdout += chunk));
    child.stderr.on("data", (chunk) => (stderr += chunk));
    const ended = new Promise<CliRun>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => {
        running.delete(child);
        const exitCode = code ?? 128 + (signal === "SIGKILL" ? 9 : 15);
        resolve({ exitCode, stdout, stderr, json: () => JSON.parse(stdout) });
      });
    });
    return { child, ended };
  };
  const cli: Workspace["cli"] = async (argv, options = {}) => {
    const { child, ended } = start(argv, options);
    const timer = setTimeout(() => child.kill("SIGKILL"), options.timeoutMs ?? defaultTimeoutMs);
    try {
      return await ended;
    } finally {
      clearTimeout(timer);
    }
  };
  const stop = async () => {
    for (const child of running) child.kill("SIGKILL");
    await cli(["down", "--delete"]).catch(() => undefined);
    const left = readSupervisorFile(join(dir, ".ragctl"));
    if (left) for (const identity of [left.supervisor, ...Object.values(left.processes)]) signalProcess(identity, "SIGKILL");
    await rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  };
  return { dir, env, cli, start, stop, stateDir: join(dir, "state", "ragctl") };
}

/** A real local cluster of real processes; call `stop` in an `afterAll` or `finally`, whatever happened. */
export async function startLocalCluster(flags: UpFlags = {}): Promise<LocalCluster> {
  const workspace = await makeWorkspace();
  try {
    const run = await workspace.cli(["up", "--json", ...upArguments(flags)]);
    if (run.exitCode !== 0) throw new Error(`ragctl up ended with ${run.exitCode}:\n${run.stdout}\n${run.stderr}`);
    return { ...workspace, config: join(workspace.dir, ".ragctl", "cluster.json"), status: run.json().result };
  } catch (error) {
    await workspace.stop();
    throw error;
  }
}

function upArguments({ nodes, replicas, zones, engine, cache, portBase }: UpFlags): string[] {
  const pairs = { nodes, replicas, zones: zones?.join(","), engine, cache, "port-base": portBase };
  return Object.entries(pairs).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, String(value)]));
}

/** The pid file of the supervisor: who runs what. */
export function supervisorOf(workspace: Pick<Workspace, "dir">) {
  const file = readSupervisorFile(join(workspace.dir, ".ragctl"));
  if (!file) throw new Error(`no supervisor file in ${workspace.dir}`);
  return file;
}

export function readJson(path: string): any {
  return JSON.parse(readFileSync(path, "utf8"));
}
