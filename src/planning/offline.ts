import type { Clock, Rng } from "../runtime.ts";
import { usageError } from "../errors.ts";
import { loadHashes } from "../sharding/hash.ts";
import { createStamper } from "../sharding/keys.ts";
import { buildPlan, type PlanDraft } from "../sharding/plan/build.ts";
import type { Layout } from "../sharding/plan/contract.ts";
import type { LoadModel } from "../sharding/plan/loads.ts";
import { makePlanId } from "../sharding/plan/plan-id.ts";
import { weighPositions } from "../sharding/plan/weigh.ts";
import type { HashName } from "../sharding/table.ts";
import { readQueryLog } from "./heat/query-log.ts";
import { changesOf, limitsOf, type PlanInputs } from "./inputs.ts";

/** A cluster that flags describe. */
export interface OfflineCluster {
  nodes: string[];
  hash: HashName;
  /** Before the plan. */
  virtualNodes: number;
  /** Present: ranges of integer keys with these upper bounds, instead of a ring. */
  bounds?: number[];
  replicas: number;
  points: number;
  pointBytes: number;
}

/** The layout of nodes that flags name: all weights 1 and no zones, unless said. */
export function layoutOfFlags(
  { nodes, hash, virtualNodes, bounds, replicas }: Omit<OfflineCluster, "points" | "pointBytes">,
  { weights, zones }: Pick<PlanInputs, "weights" | "zones">,
): Layout {
  return {
    partitioner: bounds ? { kind: "range", hash, bounds } : { kind: "ring", virtualNodes, hash },
    replicas,
    members: nodes,
    nodes: Object.fromEntries(nodes.map((id) => [id, describeNode(id, "", { weights, zones })])),
  };
}

/** Plans from flags alone. @throws RagctlError as `buildPlan` */
export async function planOffline(
  cluster: OfflineCluster,
  inputs: PlanInputs,
  { clock, rng }: { clock: Clock; rng: Rng },
): Promise<{ draft: PlanDraft; notes: string[] }> {
  await loadHashes();
  const unknown = Object.keys(inputs.zones).filter(
    (id) => ![...cluster.nodes, ...inputs.add.map((node) => node.id)].includes(id),
  );
  if (unknown.length > 0) throw usageError([{ path: "--zone", message: `there is no node ${unknown.join(", ")}` }]);
  // A weight that is given for a node of --nodes is what it has, not what it is to get: offline, nothing is there before the flags.
  const layout = layoutOfFlags(cluster, inputs);
  const model: LoadModel = { points: cluster.points, bytes: cluster.points * cluster.pointBytes };
  if (inputs.queryLog !== undefined) {
    const stamper = createStamper(layout.partitioner, "Cosine");
    const heatIn = weighPositions(await readQueryLog(inputs.queryLog, stamper, 1));
    if (heatIn) model.heatIn = heatIn;
    if (inputs.queriesPerSec !== undefined) model.queriesPerSec = inputs.queriesPerSec;
  }
  const nowMs = clock.nowMs();
  const draft = buildPlan({
    planId: makePlanId(nowMs, rng),
    createdAt: new Date(nowMs).toISOString(),
    cluster: "offline",
    collection: "",
    offline: true,
    layout,
    changes: { ...changesOf(inputs), add: inputs.add.map(({ id, url = "" }) => ({ id, ...describeNode(id, url, inputs) })) },
    model,
    capacities: inputs.capacities,
    ...limitsOf(inputs),
  });
  return { draft, notes: [] };
}

function describeNode(
  id: string,
  url: string,
  { weights, zones }: Pick<PlanInputs, "weights" | "zones">,
): Layout["nodes"][string] {
  const zone = zones[id];
  return { url, weight: weights[id] ?? 1, ...(zone === undefined ? {} : { zone }) };
}
