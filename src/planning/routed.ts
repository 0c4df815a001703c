import type { ClusterConfig } from "../config/schema.ts";
import { ExitCode, RagctlError, usageError, type Problem } from "../errors.ts";
import type { Clock, Rng } from "../runtime.ts";
import { loadHashes } from "../sharding/hash.ts";
import { createStamper } from "../sharding/keys.ts";
import { placementOf } from "../sharding/owners.ts";
import type { Capacity } from "../sharding/plan/balance.ts";
import { buildPlan, type PlanDraft } from "../sharding/plan/build.ts";
import { layoutOfTable, type AddedNode } from "../sharding/plan/layout.ts";
import { requireNoCopies, requireNoLayout } from "../sharding/plan/transition-request.ts";
import { makePlanId } from "../sharding/plan/plan-id.ts";
import { weighOwners, weighPositions } from "../sharding/plan/weigh.ts";
import type { RoutingTable, TableNode } from "../sharding/table.ts";
import { measureHeat } from "./heat/counters.ts";
import { readQueryLog } from "./heat/query-log.ts";
import { changesOf, limitsOf, type PlanInputs } from "./inputs.ts";
import { configuredCapacities } from "./nodes-input.ts";
import type { Nodes } from "./node-access.ts";
import { observe, type Observed } from "./observe.ts";
import { plural } from "../units.ts";

export interface RoutedDeps {
  nodes: Nodes;
  clock: Clock;
  rng: Rng;
  signal: AbortSignal;
  /** What is being done, for people. */
  note: (text: string) => void;
}

/**
 * Plans for a live routed collection: counts what the nodes hold, takes in every `joining` node and empties every `leaving` one where it is
 * not told what to add or remove.
 * @throws RagctlError exit 2 for what makes no sense, 7 for what a guard refuses: moves in flight, no readable copy, no room
 */
export async function planRouted(
  cluster: ClusterConfig,
  table: RoutingTable,
  inputs: PlanInputs,
  deps: RoutedDeps,
): Promise<{ draft: PlanDraft; notes: string[] }> {
  await loadHashes();
  refuse(table);
  requireNoLayout(table);
  const changes = { ...changesOf(inputs), ...membersOf(cluster, table, inputs) };
  const observed = await observe(table, deps.nodes);
  const notes = [...observed.notes, ...(await addHeat(table, inputs, observed, deps))];
  for (const [id, problem] of observed.unreachable) notes.push(`${id} does not answer, and is no source: ${problem}`);
  const nowMs = deps.clock.nowMs();
  const draft = buildPlan({
    planId: makePlanId(nowMs, deps.rng),
    createdAt: new Date(nowMs).toISOString(),
    cluster: cluster.name,
    collection: table.collection,
    offline: false,
    layout: layoutOfTable(table),
    states: Object.fromEntries(Object.entries(table.nodes).map(([id, { state }]) => [id, state])),
    unreachable: new Set(observed.unreachable.keys()),
    changes,
    model: observed.model,
    measured: observed.measured,
    intended: { ...Object.fromEntries(cluster.nodes.map(({ id, weight }) => [id, weight])), ...inputs.weights },
    capacities: capacitiesOf(cluster, inputs),
    ...limitsOf(inputs),
  });
  if (draft.plan.steps.length > 0) requireNoCopies(table);
  return { draft, notes };
}

function refuse({ collection, moves, partitioner }: RoutingTable): void {
  const open = moves.filter(({ repair }) => !repair);
  if (open.length > 0)
    throw new RagctlError(
      `${plural(open.length, "move")} of an earlier plan ${open.length === 1 ? "is" : "are"} in the routing table of ${collection}: what they lead to is not settled yet.`,
      {
        code: "moves-in-flight",
        exitCode: ExitCode.refused,
        hint: "ragctl shard apply --resume finishes it; ragctl shard status shows it.",
      },
    );
  if ("hash" in partitioner && partitioner.hash === "md5-128")
    throw new RagctlError(
      `Collection ${collection} is placed by md5-128, whose positions do not fit a stored hash: no move of it can be applied.`,
      {
        code: "hash-too-wide",
        exitCode: ExitCode.refused,
        hint: "ragctl shard plan --nodes … --hash md5-128 plans without applying.",
      },
    );
}

/** Who comes and who goes: what was asked for; where nothing was, who stands at the door. */
function membersOf(cluster: ClusterConfig, table: RoutingTable, inputs: PlanInputs): { add: AddedNode[]; remove: string[] } {
  const inState = (state: TableNode["state"]) => Object.keys(table.nodes).filter((id) => table.nodes[id]!.state === state);
  const asked = inputs.add.length > 0 || inputs.remove.length > 0;
  const added: PlanInputs["add"] = asked ? inputs.add : inState("joining").map((id) => ({ id }));
  const remove = asked ? inputs.remove : inState("leaving").filter((id) => table.members.includes(id));
  const problems: Problem[] = [];
  const add = added.flatMap(({ id, url }): AddedNode[] => {
    const config = cluster.nodes.find((node) => node.id === id);
    const known = table.nodes[id];
    const where = url ?? config?.url ?? known?.url;
    if (where === undefined) {
      problems.push({ path: "--add", message: `the config does not know ${id}: --add ${id}=http://…` });
      return [];
    }
    const zone = inputs.zones[id] ?? config?.zone ?? known?.zone;
    const weight = config?.weight ?? known?.weight ?? 1;
    return [{ id, url: where, weight, ...(zone === undefined ? {} : { zone }) }];
  });
  if (problems.length > 0) throw usageError(problems, { code: "node-unknown" });
  return { add, remove };
}

function capacitiesOf(cluster: ClusterConfig, inputs: PlanInputs): Map<string, Capacity> {
  const result = configuredCapacities(cluster);
  for (const [id, capacity] of inputs.capacities) result.set(id, { ...result.get(id), ...capacity });
  return result;
}

/** Puts heat into the model, from a log or from the nodes' counters, where it is wanted. */
async function addHeat(
  table: RoutingTable,
  inputs: PlanInputs,
  { model, unreachable }: Observed,
  deps: RoutedDeps,
): Promise<string[]> {
  if (inputs.queryLog !== undefined) {
    const { partitioner, vector } = table;
    const probes = partitioner.kind === "semantic" ? (partitioner.probes ?? partitioner.centroids.length) : 1;
    const heatIn = weighPositions(
      await readQueryLog(inputs.queryLog, createStamper(partitioner, vector.distance), probes, deps.signal),
    );
    if (heatIn) model.heatIn = heatIn;
    if (inputs.queriesPerSec !== undefined) model.queriesPerSec = inputs.queriesPerSec;
    return ["heat is from the log, each query going to one of its owners in turn"];
  }
  if (inputs.balance !== "heat" && inputs.balance !== "all") return [];
  deps.note(`watching the nodes' own counters for ${inputs.heatWindowMs / 1000} s …`);
  const ids = table.members.filter((id) => !unreachable.has(id));
  const rates = await measureHeat(deps.nodes, ids, { clock: deps.clock, windowMs: inputs.heatWindowMs, signal: deps.signal });
  const heatIn = rates && weighOwners(placementOf(table).segments(), rates);
  if (!heatIn)
    return [rates ? "no node answered a query in that time: heat is left out" : "no node counts its queries: heat is left out"];
  model.heatIn = heatIn;
  model.queriesPerSec = [...rates.values()].reduce((sum, rate) => sum + rate, 0);
  return [
    "heat is from the nodes' counters, taken to lie evenly over what each owns: a search that asks every node heats all alike",
  ];
}
