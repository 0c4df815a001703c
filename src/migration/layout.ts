import type { Layout, Plan } from "../sharding/plan/contract.ts";
import type { RoutingTable, TableNode } from "../sharding/table.ts";
import { settle, type Transition } from "../sharding/transitions.ts";

/** What a plan needs of a table before its first move: nodes that it brings are `joining`, those that it takes away `leaving`. */
export function beginPlan(table: RoutingTable, layout: Layout): Transition | "unchanged" {
  const nodes: Record<string, TableNode> = { ...table.nodes };
  let changed = false;
  for (const id of layout.members)
    if (!nodes[id]) {
      nodes[id] = { ...layout.nodes[id]!, state: "joining" };
      changed = true;
    }
  for (const id of table.members)
    if (!layout.members.includes(id) && nodes[id]?.state === "serving") {
      nodes[id] = { ...nodes[id], state: "leaving" };
      changed = true;
    }
  return changed ? { table: { ...table, epoch: table.epoch + 1, nodes } } : "unchanged";
}

/** Nodes that were to leave stay after all. */
export function cancelLeaving(table: RoutingTable): Transition | "unchanged" {
  const leaving = Object.entries(table.nodes).filter(([, { state }]) => state === "leaving");
  if (leaving.length === 0) return "unchanged";
  const back = Object.fromEntries(leaving.map(([id, node]) => [id, { ...node, state: "serving" as const }]));
  return { table: { ...table, epoch: table.epoch + 1, nodes: { ...table.nodes, ...back } } };
}

/** The nodes of the table once the layout holds: its members serve, those that it took away are gone, others that joined meanwhile stay. */
function settledNodes(table: RoutingTable, layout: Layout): Record<string, TableNode> {
  const nodes: Record<string, TableNode> = {};
  for (const [id, node] of Object.entries(table.nodes)) {
    const planned = layout.members.includes(id) ? layout.nodes[id] : undefined;
    if (!planned) {
      // A member that is none any more is gone; one that never was stays as it is.
      if (!table.members.includes(id)) nodes[id] = node;
      continue;
    }
    const { zone: _zone, ...rest } = node;
    // Where a node is reached is not the plan's to say: it may have moved since.
    nodes[id] = { ...rest, ...planned, url: node.url, state: node.state === "stale" ? "stale" : "serving" };
  }
  return nodes;
}

/** The end of a plan: the layout becomes the table's own, and every move that led to it leaves. @param reverses the plan undoes another */
export function settlePlan(table: RoutingTable, layout: Layout, reverses: boolean): Transition {
  const { partitioner, replicas, members } = layout;
  const missing = members.find((id) => !table.nodes[id]);
  if (missing !== undefined) return { refused: `${missing} is not in the table` };
  const ids = table.moves.filter((move) => !move.repair && move.phase === "cutover").map(({ id }) => id);
  const nodes = settledNodes(table, layout);
  // What a plan had brought in is what it was before: a node that owns nothing yet.
  if (reverses)
    for (const id of table.members) {
      const node = table.nodes[id];
      if (node && !nodes[id] && node.state !== "stale") nodes[id] = { ...node, state: "joining" };
    }
  // A repair to or from a node that is gone starts over, or is needed no more.
  const moves = table.moves.filter((move) => !move.repair || (nodes[move.to] && nodes[move.from]));
  return settle({ ...table, moves }, { partitioner, replicas, members, nodes }, ids);
}

/** Nodes that a plan takes away. */
export function leavingOf(plan: Plan, layout: Layout): Set<string> {
  return new Set(plan.fingerprint.members.map(({ id }) => id).filter((id) => !layout.members.includes(id)));
}
