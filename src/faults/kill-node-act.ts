import type { ClusterConfig, NodeConfig } from "../config/schema.ts";
import { didYouMean } from "../config/suggest.ts";
import { ExitCode, RagctlError, usageError } from "../errors.ts";
import type { Runtime } from "../runtime.ts";
import { statusDeps } from "../status/connect.ts";
import { readTables } from "../status/tables.ts";
import { openRun } from "../runs/index.ts";
import { runAct, type Act, type ActDeps } from "./act.ts";
import type { Target } from "./contract.ts";
import { blastRadius, neededOwners, refuseLostOwners } from "./guards.ts";
import { killNode } from "./kill-node.ts";
import type { FaultResult } from "./result.ts";
import { processTarget } from "./targets/process.ts";

const healthMs = 2_000;

/**
 * `ragctl chaos kill-node`: the node, the target, the guard, the fault.
 * @param forMs until the node is started again; undefined: it stays dead
 * @throws RagctlError exit 2 for an unknown node or one that no fault can reach, 7 where a part of the data would have no serving owner
 */
export async function killNodeAct(
  input: { cluster: ClusterConfig; node: string; forMs: number | undefined },
  deps: Pick<ActDeps, "runtime" | "note">,
): Promise<FaultResult> {
  const { cluster, forMs } = input;
  const node = nodeNamed(cluster, input.node);
  const target = await reach(cluster, node);
  const tables = await readTables(cluster, deps.runtime);
  if (tables.length > 0) {
    const others = cluster.nodes.filter(({ id }) => id !== node.id);
    const dead = await notServing(cluster, others, deps.runtime);
    const { consistency } = cluster.routing;
    const radii = await blastRadius(tables, [node.id], dead, ({ replicas }) => neededOwners(consistency, replicas));
    refuseLostOwners(radii, [node.id], dead);
  }
  const act = { fault: killNode, cluster: cluster.name, targets: [target], config: cluster, options: {}, forMs };
  return await asRun(act, deps);
}

/** The act as a run, with its events on a timeline beside those of load and moves. */
async function asRun<Options>(act: Act<Options>, deps: ActDeps): Promise<FaultResult> {
  const run = openRun(deps.runtime, { command: `chaos ${act.fault.name}`, cluster: act.cluster });
  const event: ActDeps["event"] = (phase, detail) => run.event({ kind: "fault", name: act.fault.name, phase, detail });
  try {
    const result = await runAct(act, { ...deps, event });
    run.end({ exitCode: ExitCode.ok, state: "done", result });
    return result;
  } catch (error) {
    const interrupted = deps.runtime.signal.aborted;
    const exitCode = error instanceof RagctlError ? error.exitCode : interrupted ? ExitCode.interrupted : ExitCode.bug;
    run.end({ exitCode, state: interrupted ? "interrupted" : "failed" });
    throw error;
  }
}

/** @throws RagctlError exit 2 with what there is to choose from */
function nodeNamed(cluster: ClusterConfig, id: string): NodeConfig {
  const found = cluster.nodes.find((node) => node.id === id);
  if (found) return found;
  const ids = cluster.nodes.map((node) => node.id);
  throw usageError([{ path: "NODE", message: `cluster ${cluster.name} has no node "${id}"${didYouMean(id, ids)}` }], {
    code: "node-unknown",
    hint: `it has ${ids.join(", ")}`,
  });
}

async function reach(cluster: ClusterConfig, node: NodeConfig): Promise<Target> {
  const reached = await processTarget.resolve(cluster, { ...node, role: "node" });
  if ("target" in reached) return reached.target;
  throw new RagctlError(`${node.id} of ${cluster.name} cannot be killed from here: ${reached.impossible}`, {
    code: "target-unreachable",
    exitCode: node.target || cluster.source.kind === "local" ? ExitCode.unreachable : ExitCode.usage,
    hint: "ragctl status shows what runs",
  });
}

async function notServing(cluster: ClusterConfig, nodes: readonly NodeConfig[], runtime: Runtime): Promise<string[]> {
  const deps = await statusDeps(cluster, runtime);
  const healths = await Promise.all(nodes.map(async (node) => (await deps.control(node)).health({ timeoutMs: healthMs })));
  return nodes.filter((_, index) => !healths[index]!.ok).map(({ id }) => id);
}
