import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { writeDurably } from "../faults/durable-file.ts";
import {
  readSupervisorFile,
  type SupervisedProcess,
  type SupervisorFile,
  type SupervisorRequest,
  type SupervisorStatus,
} from "../faults/supervisor-socket.ts";
import { LineSocketError } from "../line-socket.ts";
import { identify, isAlive, type ProcessIdentity } from "../process-identity.ts";
import { callProxies } from "../proxy/client.ts";
import type { Clock } from "../runtime.ts";
import type { Layout } from "./layout.ts";
import { programsOf, proxiesOf, proxyProcessId, type ProgramSpec } from "./programs.ts";
import { readSpec } from "./spec.ts";
import { stopProcess } from "./stop-process.ts";

export interface SupervisorDeps {
  layout: Layout;
  socket: string;
  self: ProcessIdentity;
  clock: Clock;
  nodeBinary: string;
  env: NodeJS.ProcessEnv;
  log: (text: string) => void;
}

interface Supervised {
  program: ProgramSpec;
  process?: ProcessIdentity;
  exit?: NonNullable<SupervisedProcess["exit"]>;
  /** On purpose. */
  stopped?: boolean;
}

/** Older logs are kept once, as `.1`. */
const logRotateBytes = 16 * 2 ** 20;
const tellMs = 3_000;

/**
 * Keeps the processes of one `up` cluster. It starts what it is asked to start and says how things ended; it restarts
 * no node by itself (what it missed is another matter: `auto-repair.ts`), since one that comes back unasked would spoil every experiment.
 * The fault proxies are no part of what is experimented on: they come back.
 */
export class Supervisor {
  readonly #deps: SupervisorDeps;
  readonly #processes = new Map<string, Supervised>();
  #clusterId = "";
  #queue: Promise<unknown> = Promise.resolve();
  /** Once shut down, a child's last word must not bring the supervisor's file back. */
  #closed = false;

  /** Takes over what an earlier supervisor left running: by identity, as its file recorded it. */
  constructor(deps: SupervisorDeps) {
    this.#deps = deps;
    const before = readSupervisorFile(deps.layout.dir);
    this.#readWanted();
    for (const [id, process] of Object.entries(before?.processes ?? {})) {
      const entry = this.#processes.get(id);
      if (!entry || !isAlive(process)) continue;
      entry.process = process;
      deps.log(`${id}: adopted pid ${process.pid}`);
    }
    this.#save();
  }

  /** One request at a time, in the order they came. @throws Error with a sentence */
  handle(request: SupervisorRequest): Promise<SupervisorStatus> {
    const answer = this.#queue.then(async () => {
      await this.#perform(request);
      return this.#status();
    });
    this.#queue = answer.catch(() => undefined);
    return answer;
  }

  /** Starts the proxies again that ended unasked. Called every now and then: those of an earlier supervisor are nobody's children. */
  keepProxies(): void {
    const entry = this.#processes.get(proxyProcessId);
    if (this.#closed || !entry?.process || entry.stopped || !existsSync(this.#deps.layout.dir)) return;
    this.#start(entry);
  }

  isRunning(id: string): boolean {
    const process = this.#processes.get(id)?.process;
    return process !== undefined && isAlive(process);
  }

  async #perform(request: SupervisorRequest): Promise<void> {
    switch (request.op) {
      case "status":
        return;
      case "apply":
        return await this.#apply();
      case "start":
        return this.#start(this.#known(request.node));
      case "stop":
        return await this.#stop(this.#known(request.node));
      case "shutdown":
        await Promise.all([...this.#processes.values()].map((entry) => this.#stop(entry)));
        this.#closed = true;
        return rmSync(this.#deps.layout.supervisorFile, { force: true });
      default:
        throw new Error(`the supervisor knows no request ${JSON.stringify(request)}; is it of another version?`);
    }
  }

  async #apply(): Promise<void> {
    const wanted = this.#readWanted();
    for (const [id, entry] of this.#processes) {
      if (wanted.has(id)) this.#start(entry);
      else {
        await this.#stop(entry);
        this.#processes.delete(id);
      }
    }
    this.#save();
    await this.#tellProxies();
  }

  /** @returns ids that `local.json` wants; those it no longer names stay known until they are stopped */
  #readWanted(): Set<string> {
    const { layout, nodeBinary } = this.#deps;
    const spec = readSpec(layout.localFile);
    if (!spec) throw new Error(`${layout.localFile} is gone`);
    this.#clusterId = spec.clusterId;
    const programs = programsOf(spec, layout, nodeBinary);
    for (const program of programs) this.#processes.set(program.id, { ...this.#processes.get(program.id), program });
    return new Set(programs.map(({ id }) => id));
  }

  /** Proxies that ran before learn which there are now, and go on with their connections. */
  async #tellProxies(): Promise<void> {
    const url = this.#processes.get(proxyProcessId)?.program.url;
    const spec = readSpec(this.#deps.layout.localFile);
    if (!url || !spec) return;
    try {
      await callProxies(url.slice("unix:".length), { op: "apply", proxies: proxiesOf(spec) }, { timeoutMs: tellMs });
    } catch (error) {
      // One that is being started has them as arguments.
      if (!(error instanceof LineSocketError && error.reason === "absent")) throw error;
    }
  }

  #known(id: string): Supervised {
    const entry = this.#processes.get(id);
    if (!entry) throw new Error(`there is no ${id} here; there are ${[...this.#processes.keys()].join(", ")}`);
    return entry;
  }

  #start(entry: Supervised): void {
    delete entry.stopped;
    if (entry.process && isAlive(entry.process)) return;
    const { program } = entry;
    const { layout, log, clock, env } = this.#deps;
    mkdirSync(program.cwd, { recursive: true });
    const output = openLog(join(layout.logs, `${program.id}.log`));
    const child = spawn(program.command, program.args, {
      cwd: program.cwd,
      env: { ...env, ...program.env },
      stdio: ["ignore", output, output],
    });
    closeSync(output);
    const process = child.pid === undefined ? undefined : identify(child.pid);
    delete entry.exit;
    if (process) entry.process = process;
    // At once: were this supervisor killed in the next instant, the next one must know the child.
    this.#save();
    log(`${program.id}: started as pid ${child.pid ?? "none"}`);
    const ended = (code: number | null, signal: string | null) => {
      // A proxy's stays, which says that it is to be kept.
      if (entry.process?.pid === child.pid && program.role !== "proxy") delete entry.process;
      entry.exit = { code, signal, atMs: clock.nowMs() };
      log(`${program.id}: pid ${child.pid ?? "none"} ended with ${signal ?? `exit code ${code}`}`);
      this.#save();
    };
    child.on("exit", ended);
    child.on("error", (error) => {
      log(`${program.id}: ${error.message}`);
      if (child.pid === undefined) ended(null, null);
    });
  }

  async #stop(entry: Supervised): Promise<void> {
    entry.stopped = true;
    if (entry.process) await stopProcess(entry.process, this.#deps.clock);
    delete entry.process;
    this.#save();
  }

  #status(): SupervisorStatus {
    const processes = [...this.#processes.values()].map(({ program, process, exit }): SupervisedProcess => {
      const answer: SupervisedProcess = { id: program.id, role: program.role, url: program.url, state: "stopped" };
      if (process && isAlive(process)) Object.assign(answer, { state: "running", process });
      if (exit) answer.exit = exit;
      return answer;
    });
    return { clusterId: this.#clusterId, dir: this.#deps.layout.dir, supervisor: this.#deps.self, processes };
  }

  #save(): void {
    const { layout, self, socket } = this.#deps;
    if (this.#closed || !existsSync(layout.dir)) return;
    const processes = Object.fromEntries(
      [...this.#processes].flatMap(([id, { process }]) => (process ? [[id, process]] : [])),
    ) as SupervisorFile["processes"];
    const file: SupervisorFile = { schemaVersion: 1, clusterId: this.#clusterId, supervisor: self, socket, processes };
    writeDurably(layout.supervisorFile, `${JSON.stringify(file, null, 2)}\n`);
  }
}

function openLog(path: string): number {
  mkdirSync(join(path, ".."), { recursive: true });
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > logRotateBytes) renameSync(path, `${path}.1`);
  return openSync(path, "a");
}
