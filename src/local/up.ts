import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ExitCode, RagctlError, usageError } from "../errors.ts";
import { callSupervisor, type SupervisorRequest, type SupervisorStatus } from "../faults/supervisor-socket.ts";
import type { Runtime } from "../runtime.ts";
import { awaitReady, type Answerer } from "./await-ready.ts";
import { writeClusterFile } from "./cluster-file.ts";
import { removeIfEmpty } from "./down.ts";
import { layoutOf, type Layout } from "./layout.ts";
import { withLock } from "./lock.ts";
import { planUp, type UpFlags, type UpPlan } from "./plan.ts";
import { firstPortOf, freePorts, takenPorts } from "./ports.ts";
import { engines, findOnPath, proxiesOf, proxyProcessId } from "./programs.ts";
import { nodeUrl, readSpec, redisesOf, writeSpec, type LocalNode, type LocalPorts, type LocalSpec } from "./spec.ts";
import { ensureSupervisor, lookForSupervisor, stopEverything } from "./supervisor-client.ts";
import { localTables, type Registered } from "./tables.ts";

export interface UpDeps {
  runtime: Runtime;
  note: (text: string) => void;
  /** Called as processes come to answer. */
  onReady?: (id: string, ready: number, total: number) => void;
}

export interface UpOutcome {
  /** Ids that were started now: nodes, and `cache`. */
  started: string[];
  /** Whether anything is wanted that was not before: a node, another cache, zones. */
  changed: boolean;
  /** Nodes that tables now name as `joining`, and which tables. */
  joined: Registered;
}

const supervisorMs = 30_000;

/**
 * Makes the local cluster what the flags say: starts what is missing, waits until it answers, writes the files that the
 * other commands read. Again, it changes nothing. Interrupted or failing, it stops what it started and leaves the rest as it was.
 * @param baseDir the directory that holds `.ragctl`
 */
export async function up(baseDir: string, flags: UpFlags, deps: UpDeps): Promise<UpOutcome> {
  const layout = layoutOf(baseDir);
  const fresh = !existsSync(layout.dir);
  makeDir(layout.dir);
  try {
    return await withLock(layout.lockFile, "up", deps, () => locked(layout, flags, deps));
  } catch (error) {
    if (fresh) removeIfEmpty(layout.dir);
    throw error;
  }
}

function makeDir(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true });
  } catch (error) {
    throw new RagctlError(`${dir} cannot be made: ${(error as Error).message}`, {
      code: "local-dir-unwritable",
      exitCode: ExitCode.usage,
      hint: "run ragctl up in a directory that you may write to",
      cause: error,
    });
  }
}

async function locked(layout: Layout, flags: UpFlags, deps: UpDeps): Promise<UpOutcome> {
  const { runtime, note } = deps;
  const before = readSpec(layout.localFile);
  const tables = localTables(layout, runtime.clock);
  const plan = planUp(before, flags, before ? await tables.collections() : []);
  const running = await runningIds(layout);
  const spec = await completeSpec(before, plan, flags, running, runtime);
  const wanted = [
    ...spec.nodes.map(({ id }) => id),
    ...redisesOf(spec).map(({ id }) => id),
    ...(spec.proxies ? [proxyProcessId] : []),
  ];
  const started = wanted.filter((id) => !running.has(id));
  const returning = before ? started.filter((id) => !plan.added.includes(id)) : [];
  if (returning.length > 0 && running.size > 0)
    note(`${returning.join(", ")} ${returning.length === 1 ? "was" : "were"} not running: started again`);
  try {
    runtime.signal.throwIfAborted();
    writeSpec(layout.localFile, spec);
    const { socket } = await ensureSupervisor(layout, deps);
    const ask = (request: SupervisorRequest): Promise<SupervisorStatus> =>
      callSupervisor(socket, request, { timeoutMs: supervisorMs });
    const { processes } = await ask({ op: "apply" });
    let ready = 0;
    await awaitReady(processes, {
      ask: () => ask({ op: "status" }),
      logs: layout.logs,
      clock: runtime.clock,
      signal: runtime.signal,
      onReady: (id) => deps.onReady?.(id, ++ready, processes.length),
    });
    // A process that answers is reached through its proxy a moment later.
    await awaitReady(throughProxies(spec), {
      ask: () => ask({ op: "status" }),
      logs: layout.logs,
      clock: runtime.clock,
      signal: runtime.signal,
      onReady: () => undefined,
    });
    writeClusterFile(layout.clusterFile, spec);
  } catch (error) {
    note(started.length > 0 ? `stopping what this up started: ${started.join(", ")}` : "nothing was started");
    await undo(layout, before, started, running, runtime);
    throw error;
  }
  // All of them, not only the new ones: an up that was killed here is finished by the next.
  const joined = before ? await tables.register(joiningNodes(spec)) : { nodes: [], collections: [] };
  return { started, changed: JSON.stringify(before) !== JSON.stringify(spec), joined };
}

/** Nodes and cache where clients meet them. */
function throughProxies(spec: LocalSpec): Answerer[] {
  const caches = new Set(redisesOf(spec).map(({ id }) => id));
  return proxiesOf(spec).map(({ name, port }) =>
    caches.has(name)
      ? { id: name, role: "cache", url: `redis://127.0.0.1:${port}` }
      : { id: name, role: "node", url: nodeUrl({ port }) },
  );
}

function joiningNodes(spec: LocalSpec) {
  return Object.fromEntries(
    spec.nodes.map((node) => [node.id, { url: nodeUrl(node), weight: 1, ...(node.zone ? { zone: node.zone } : {}) }]),
  );
}

async function runningIds(layout: Layout): Promise<Set<string>> {
  const state = await lookForSupervisor(layout);
  if (state.kind === "none") return new Set();
  if (state.kind !== "answers") return new Set(Object.keys(state.orphans));
  return new Set(state.status.processes.filter((process) => process.state === "running").map(({ id }) => id));
}

/** The plan with ports and programs. Every port that is taken, and every program that is missing, is said at once. */
async function completeSpec(
  before: LocalSpec | undefined,
  plan: UpPlan,
  flags: UpFlags,
  running: ReadonlySet<string>,
  runtime: Runtime,
): Promise<LocalSpec> {
  const engine: { binary?: string; morePorts: number } = engines[plan.engine];
  const engineBinary = engine.binary ? requireProgram(engine.binary, `--engine ${plan.engine}`, runtime) : undefined;
  const cacheBinary = plan.cache === "redis" ? requireProgram("redis-server", "--cache redis", runtime) : undefined;
  const wanted = plan.nodes.length * (2 + engine.morePorts) + 2 * Math.max(1, plan.zones.length);
  const free = await freePorts(wanted, firstPortOf(runtime.pid));
  const base = flags.portBase ?? before?.portBase;
  const nodes = plan.nodes.map(({ id, zone, port, ownPort, morePorts }, index): LocalNode => {
    const more = morePorts ?? Array.from({ length: engine.morePorts }, () => free.pop()!);
    const own = ownPort ?? (plan.proxies ? free.pop() : undefined);
    return {
      id,
      port: port ?? (base === undefined ? free.pop()! : base + index),
      ...(own === undefined ? {} : { ownPort: own }),
      ...(zone ? { zone } : {}),
      ...(more.length > 0 ? { morePorts: more } : {}),
    };
  });
  await refuseTakenPorts(nodes, before, running);
  return {
    schemaVersion: 1,
    clusterId: before?.clusterId ?? randomUUID(),
    engine: plan.engine,
    ...(engineBinary ? { engineBinary } : {}),
    replicas: plan.replicas,
    zones: plan.zones,
    ...(plan.proxies ? { proxies: true } : {}),
    nodes,
    cache: cacheBinary ? { driver: "redis", ...redisPorts(before, plan, free), binary: cacheBinary } : { driver: "memory" },
    ...(base === undefined ? {} : { portBase: base }),
  };
}

/** One Redis, and one more in each zone after the first; those that are there keep their ports. */
function redisPorts(
  before: LocalSpec | undefined,
  { proxies, zones }: UpPlan,
  free: number[],
): LocalPorts & { zones?: Record<string, LocalPorts> } {
  const there = before?.cache.driver === "redis" ? before.cache : undefined;
  const keptOrFree = (kept: LocalPorts | undefined): LocalPorts => {
    if (!kept) return { port: free.pop()!, ...(proxies && { ownPort: free.pop()! }) };
    const { port, ownPort } = kept;
    return { port, ...(ownPort !== undefined && { ownPort }) };
  };
  const first = keptOrFree(there);
  const others = zones.slice(1).map((zone) => [zone, keptOrFree(there?.zones?.[zone])] as const);
  return { ...first, ...(others.length > 0 && { zones: Object.fromEntries(others) }) };
}

async function refuseTakenPorts(nodes: LocalNode[], before: LocalSpec | undefined, running: ReadonlySet<string>): Promise<void> {
  // A proxy that runs has the port, or will: it lets it go while its node is down.
  const proxied = running.has(proxyProcessId);
  const known = new Set(before?.nodes.map(({ id }) => id));
  const starting = nodes.flatMap(({ id, port, ownPort }) => [
    ...(ownPort === undefined || running.has(id) ? [] : [{ id, port: ownPort }]),
    ...((ownPort === undefined ? running.has(id) : proxied && known.has(id)) ? [] : [{ id, port }]),
  ]);
  const taken = new Set(await takenPorts(starting.map(({ port }) => port)));
  const blocked = starting.filter(({ port }) => taken.has(port));
  if (blocked.length === 0) return;
  const problems = blocked.map(({ id, port }) => ({ message: `port ${port}, for ${id}, is taken by another process` }));
  throw usageError(problems, {
    code: "port-taken",
    hint: blocked.some(({ id }) => known.has(id))
      ? "end that process (a node keeps its port), or start anew: ragctl down --delete, then ragctl up"
      : "give another --port-base, or none: then free ports are chosen",
  });
}

function requireProgram(name: string, flag: string, runtime: Runtime): string {
  const path = findOnPath(name, runtime.env["PATH"]);
  if (path) return path;
  throw new RagctlError(`${flag} starts the ${name} found on PATH, and there is none`, {
    code: "program-missing",
    exitCode: ExitCode.usage,
    hint:
      name === "qdrant"
        ? "install it, or leave --engine out: the embedded engine needs nothing"
        : `install ${name}, or leave ${flag} out`,
  });
}

/** Back to how it was: what ran before goes on running. */
async function undo(
  layout: Layout,
  before: LocalSpec | undefined,
  started: readonly string[],
  running: ReadonlySet<string>,
  runtime: Runtime,
): Promise<void> {
  if (running.size === 0) await stopEverything(layout, runtime);
  else {
    const state = await lookForSupervisor(layout);
    if (state.kind === "answers")
      for (const node of started)
        await callSupervisor(state.socket, { op: "stop", node }, { timeoutMs: supervisorMs }).catch(() => undefined);
  }
  if (before) {
    writeSpec(layout.localFile, before);
    const known = new Set(before.nodes.map(({ id }) => id));
    for (const id of started) if (!known.has(id)) rmSync(join(layout.nodes, id), { recursive: true, force: true });
    const state = await lookForSupervisor(layout);
    // Not `apply`, which would start again what was just stopped: the supervisor forgets what it no longer needs at the next one.
    if (state.kind === "answers") writeClusterFile(layout.clusterFile, before);
    return;
  }
  rmSync(layout.localFile, { force: true });
  rmSync(layout.nodes, { recursive: true, force: true });
  // Logs are worth keeping where something failed, not where the user thought better of it.
  if (runtime.signal.aborted) rmSync(layout.logs, { recursive: true, force: true });
}
