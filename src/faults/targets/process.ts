import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { ClusterConfig } from "../../config/schema.ts";
import { identify } from "../../process-identity.ts";
import type { ProcessTarget } from "../contract.ts";
import { callSupervisor, readClusterId, readSupervisorFile, SupervisorError } from "../supervisor-socket.ts";
import { configuredTarget, readyUrlOf, withoutCredentials } from "./configured.ts";
import type { Subject, TargetResolver } from "./index.ts";

const askTimeoutMs = 3_000;

/** A process of this machine: a node that `ragctl up` started, or one whose pid a file holds. */
export const processTarget: TargetResolver = {
  kind: "process",
  summary: "a node that `ragctl up` started, or one with a pid file",
  async resolve(cluster, node) {
    const configured = configuredTarget(node, "process");
    if (configured) return fromPidFile(cluster, node, configured.pidFile);
    if (cluster.source.kind === "local" && cluster.source.file) return fromSupervisor(dirname(cluster.source.file), node);
    return { impossible: `the config names no target for ${node.id}: give it \`target: { kind: process, pidFile: … }\`` };
  },
};

async function fromSupervisor(dir: string, node: Subject) {
  const file = readSupervisorFile(dir);
  if (!file) return { impossible: `no supervisor runs for ${dir}; \`ragctl up\` starts one` };
  try {
    const status = await callSupervisor(file.socket, { op: "status" }, { timeoutMs: askTimeoutMs });
    const found = status.processes.find(({ id }) => id === node.id);
    if (!found) return { impossible: `the supervisor of ${dir} knows no ${node.id}` };
    if (!found.process) return { impossible: `${node.id} is not running; \`ragctl up\` starts it` };
    const supervisor = { dir, clusterId: status.clusterId };
    // Straight to the process: what stands before it may be broken by another fault.
    return { target: { ...base({ ...node, url: found.url }), process: found.process, supervisor, ...frontOf(node, found.url) } };
  } catch (error) {
    if (!(error instanceof SupervisorError)) throw error;
    return { impossible: `${error.message}; \`ragctl up\` starts another` };
  }
}

function frontOf({ url }: Subject, ownUrl: string): Pick<ProcessTarget, "frontUrl"> {
  return new URL(url).port === new URL(ownUrl).port ? {} : { frontUrl: withoutCredentials(url) };
}

function fromPidFile(cluster: ClusterConfig, node: Subject, pidFile: string) {
  const path = resolve(cluster.source.file ? dirname(cluster.source.file) : ".", pidFile);
  let pid: number;
  try {
    pid = Number(readFileSync(path, "utf8").trim());
  } catch (error) {
    return { impossible: `the pid file of ${node.id} cannot be read: ${(error as Error).message}` };
  }
  const identity = identify(pid);
  if (!identity) return { impossible: `${path} names pid ${pid}, and no such process runs` };
  return { target: { ...base(node), process: identity, pidFile: path } };
}

function base(node: Subject): Pick<ProcessTarget, "kind" | "node" | "readyUrl"> {
  return { kind: "process", node: node.id, readyUrl: readyUrlOf(node) };
}

/** Whether the cluster that the target belonged to is still the one in that directory; a deleted one has nothing to heal. */
export function clusterRemains(target: ProcessTarget): boolean {
  return !target.supervisor || readClusterId(target.supervisor.dir) === target.supervisor.clusterId;
}

/** Asks whoever supervises the node to start it; does nothing where it runs. @throws SupervisorError */
export async function startThroughSupervisor(target: ProcessTarget, signal: AbortSignal | undefined): Promise<void> {
  if (!target.supervisor)
    throw new SupervisorError("absent", `${target.node} is known by its pid file alone: ragctl cannot start it`);
  const file = readSupervisorFile(target.supervisor.dir);
  if (!file) throw new SupervisorError("absent", `no supervisor runs for ${target.supervisor.dir}`);
  if (file.clusterId !== target.supervisor.clusterId)
    throw new SupervisorError("refused", `another cluster lives in ${target.supervisor.dir} now`);
  await callSupervisor(
    file.socket,
    { op: "start", node: target.node },
    { timeoutMs: askTimeoutMs, ...(signal ? { signal } : {}) },
  );
}
