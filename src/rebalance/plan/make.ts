import type { ClusterConfig } from "../../config/schema.ts";
import { cellsOf, partitionerCells, readPoints, type FitDeps, type SemanticModel } from "../../kmeans/index.ts";
import type { Nodes } from "../../planning/node-access.ts";
import { configuredCapacities } from "../../planning/nodes-input.ts";
import { observe } from "../../planning/observe.ts";
import { planBeside, planTransition, semanticSpec, type ExpectedSearch, type Plan } from "../../planning/rebalance-contract.ts";
import type { Clock, Rng } from "../../runtime.ts";
import { loadHashes } from "../../sharding/hash.ts";
import { layoutOfTable } from "../../sharding/plan/layout.ts";
import { defaultTolerance } from "../../sharding/plan/place-cells.ts";
import { makePlanId } from "../../sharding/plan/plan-id.ts";
import { requireNoLayout } from "../../sharding/plan/transition-request.ts";
import type { MaxRate } from "../../sharding/plan/price.ts";
import type { PartitionerSpec } from "../../sharding/table.ts";
import { formatPercent } from "../../units.ts";
import type { CollectionRows } from "../collection.ts";
import { modelOfTable } from "../table-model.ts";

export interface PlanRequest {
  cluster: ClusterConfig;
  /** A sample of the collection, with its table. */
  collection: CollectionRows;
  /** Where to: a model, with the owners of its cells, or a ring of hashes again. */
  to: ModelPlacement | PartitionerSpec;
  maxRate: MaxRate;
  expected?: ExpectedSearch;
  /** How often each new cell is asked for. */
  heat?: readonly number[];
  /** By a second layout, beside the one that serves. */
  blueGreen?: boolean;
}

interface ModelPlacement {
  model: SemanticModel;
  probes?: number;
  /** As a simulation placed them; where the table has the model already, nothing is placed anew. */
  owners: string[][];
}

export interface PlanDeps extends FitDeps {
  nodes: Nodes;
  clock: Clock;
  rng: Rng;
  threads: number;
}

/**
 * The plan of a change of partitioner of a live collection: counts what the nodes hold, and weighs the cells by a sample.
 * @throws RagctlError exit 2 for a model that does not fit, 7 where a node is stale or does not answer, or a plan is under way
 */
export async function makeRebalancePlan(
  { cluster, collection, to, maxRate, expected, heat, blueGreen = false }: PlanRequest,
  deps: PlanDeps,
): Promise<{ plan: Plan; notes: string[] }> {
  await loadHashes();
  const table = collection.table!;
  requireNoLayout(table);
  const { nodes, clock, rng } = deps;
  const observed = await observe(table, nodes);
  const partitioner = "model" in to ? specOf(to, table.partitioner) : to;
  const nowMs = clock.nowMs();
  const request = {
    planId: makePlanId(nowMs, rng),
    createdAt: new Date(nowMs).toISOString(),
    cluster: cluster.name,
    table,
    unreachable: new Set(observed.unreachable.keys()),
    to: partitioner,
    load: { points: observed.model.points, bytes: observed.model.bytes },
    maxRate,
    ...(expected && { expected }),
    ...(heat && { heat }),
  };
  const weighed = "model" in to ? await weighCells(collection, to.model, deps) : {};
  const capacities = configuredCapacities(cluster);
  const plan = blueGreen ? planBeside({ ...request, ...weighed, capacities }) : planTransition({ ...request, ...weighed });
  const notes = [...observed.notes, ...evenness(plan, partitioner, weighed)];
  const unknown = plan.predicted.nodes.filter(({ id }) => capacities.get(id)?.bytes === undefined).map(({ id }) => id);
  if (plan.steps.some(({ kind }) => kind === "build") && unknown.length > 0)
    notes.push(
      `whether ${unknown.join(", ")} ${unknown.length === 1 ? "has" : "have"} room for both is not known: the config gives no capacity in bytes`,
    );
  return { plan: otherProbes(plan, partitioner, table), notes };
}

/** Why nodes bear unequal parts, and what would help. */
function evenness(
  { predicted, steps }: Plan,
  to: PartitionerSpec,
  { newCells = [] }: { newCells?: readonly number[] },
): string[] {
  const { maxOverMean, nodes } = predicted;
  if (to.kind !== "semantic" || maxOverMean <= 1 + defaultTolerance) return [];
  const total = newCells.reduce((sum, points) => sum + points, 0);
  const most = Math.max(...newCells);
  const said = `the fullest node bears ${maxOverMean.toFixed(2)} × the mean`;
  // No node can hold less than one copy of the largest cell.
  if (total > 0 && most / total > (1 + defaultTolerance) / nodes.length) {
    const cell = newCells.indexOf(most);
    return [
      `${said}: cell ${cell} alone holds ${formatPercent(most / total)} of all points, which ragctl rebalance plan --split ${cell} parts`,
    ];
  }
  return steps.length === 0
    ? [`${said}: ragctl shard plan --balance points evens that out`]
    : [`${said}: whole cells cannot be laid out more evenly`];
}

/** The model as a partitioner; where the table has it already, under the field and with the owners that it has there. */
function specOf({ model, probes, owners }: ModelPlacement, now: PartitionerSpec): PartitionerSpec {
  const spec = semanticSpec(partitionerCells(model), { hash: now.hash, ...(probes !== undefined && { probes }) });
  if (now.kind !== "semantic" || now.modelId !== spec.modelId) return { ...spec, owners };
  const { field: _own, ...rest } = spec;
  return { ...rest, ...(now.field !== undefined && { field: now.field }), ...(now.owners && { owners: now.owners }) };
}

/** Where only the number of probed cells changes, nothing moves and no partitioner does: one step of a plain plan says so to the table. */
function otherProbes(plan: Plan, to: PartitionerSpec, table: NonNullable<CollectionRows["table"]>): Plan {
  const { partitioner } = table;
  if (plan.steps.length > 0 || to.kind !== "semantic" || partitioner.kind !== "semantic" || to.probes === partitioner.probes)
    return plan;
  return {
    ...plan,
    kind: "shard",
    steps: [{ id: "settle", kind: "settle", layout: { ...layoutOfTable(table), partitioner: to } }],
  };
}

/** Of the sample: as many count as near a boundary, those whose second centroid is the least farther than their own. */
const nearPart = 0.25;

/** Points of each new cell, and from which old cell they come, as a sample has them. */
export async function weighCells(
  collection: CollectionRows,
  model: SemanticModel,
  deps: Omit<PlanDeps, "nodes">,
): Promise<{ newCells: number[]; pairs?: { from: number; to: number; points: number; near: number }[] }> {
  const points = await readPoints(collection, model.metric, undefined, deps);
  try {
    const { cell, ratio } = await cellsOf(points, model);
    const newCells: number[] = Array.from({ length: model.shards.length }, () => 0);
    for (const each of cell) newCells[each]!++;
    if (collection.table!.partitioner.kind !== "semantic") return { newCells };
    const { cell: old } = await cellsOf(points, modelOfTable(collection.table!));
    const edge = ratio.toSorted()[Math.floor(nearPart * ratio.length)]!;
    const pairs = new Map<string, { from: number; to: number; points: number; near: number }>();
    for (const [row, to] of cell.entries()) {
      const from = old[row]!;
      let pair = pairs.get(`${from} ${to}`);
      if (!pair) pairs.set(`${from} ${to}`, (pair = { from, to, points: 0, near: 0 }));
      pair.points++;
      if (ratio[row]! <= edge) pair.near++;
    }
    return { newCells, pairs: [...pairs.values()] };
  } finally {
    await points.pool.close();
  }
}
