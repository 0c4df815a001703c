import { usageError, type Problem } from "../../errors.ts";
import { createPlacement, type Member, type Placement } from "../placement.ts";
import { changedBounds } from "../range.ts";
import { defaultVirtualNodes, type RoutingTable } from "../table.ts";
import type { Layout } from "./contract.ts";

export interface AddedNode {
  id: string;
  url: string;
  zone?: string;
  weight: number;
}

/** What is to become of a layout. */
export interface LayoutChanges {
  add: readonly AddedNode[];
  remove: readonly string[];
  replicas?: number;
  /** Of a ring. */
  virtualNodes?: number;
  /** ε of a ring's bounded load; null takes the bound away. */
  loadBound?: number | null;
  weights?: Readonly<Record<string, number>>;
  /** Of a range partitioner: keys at which a range is split in two. */
  split?: readonly number[];
  /** Bounds that go: the two ranges become one, where the first of them is. */
  merge?: readonly number[];
}

/**
 * The layout with these changes made.
 * @throws RagctlError exit 2 with every change that makes no sense: a node that is not there, fewer nodes than replicas
 */
export function changedLayout(before: Layout, changes: LayoutChanges): Layout {
  const problems: Problem[] = [];
  const { add, remove, weights = {}, replicas = before.replicas } = changes;
  for (const { id } of add)
    if (before.members.includes(id)) problems.push({ path: "--add", message: `${id} is a member already` });
  for (const id of remove)
    if (!before.members.includes(id))
      problems.push({ path: "--remove", message: `${id} is not a member: ${before.members.join(", ")}` });
  const members = [...before.members.filter((id) => !remove.includes(id)), ...add.map(({ id }) => id)];
  for (const id of Object.keys(weights))
    if (!members.includes(id)) problems.push({ path: "--weight", message: `${id} is not among ${members.join(", ")}` });
  if (members.length < replicas)
    problems.push({
      path: changes.replicas === undefined ? "--remove" : "--replicas",
      message: `${replicas} ${replicas === 1 ? "replica needs" : "replicas need"} as many nodes; there would be ${members.length}`,
    });
  const { partitioner } = before;
  if (partitioner.kind !== "ring")
    for (const [path, value] of [
      ["--vnodes", changes.virtualNodes],
      ["--load-bound", changes.loadBound],
    ] as const)
      if (value !== undefined && value !== null)
        problems.push({ path, message: `is of rings; this collection is placed by ${partitioner.kind}` });
  if (partitioner.kind === "range") problems.push(...changedBounds(partitioner.bounds, changes).problems);
  else
    for (const [path, at] of [["--split", changes.split] as const, ["--merge", changes.merge] as const])
      if (at?.length) problems.push({ path, message: `is of ranges; this collection is placed by ${partitioner.kind}` });
  if (problems.length > 0) throw usageError(problems, { code: "plan-impossible" });
  const known = Object.fromEntries(add.map(({ id, ...node }) => [id, node]));
  const nodes = Object.fromEntries(
    members.map((id) => {
      const node = known[id] ?? before.nodes[id]!;
      return [id, { ...node, weight: weights[id] ?? node.weight }];
    }),
  );
  const { spill } = before;
  return { ...(spill && { spill }), partitioner: changedPartitioner(before, changes), replicas, members, nodes };
}

function changedPartitioner({ partitioner }: Layout, changes: LayoutChanges): Layout["partitioner"] {
  const { virtualNodes, loadBound } = changes;
  if (partitioner.kind === "range") return { ...partitioner, bounds: changedBounds(partitioner.bounds, changes).bounds };
  if (partitioner.kind !== "ring") return partitioner;
  const { loadBound: bound, ...ring } = partitioner;
  const kept = loadBound === undefined ? bound : (loadBound ?? undefined);
  return {
    ...ring,
    ...(virtualNodes === undefined ? {} : { virtualNodes }),
    ...(kept === undefined ? {} : { loadBound: kept }),
  };
}

export function placementOfLayout(layout: Layout): Placement {
  const { partitioner, replicas } = layout;
  return createPlacement({ partitioner, replicas, members: membersOfLayout(layout) });
}

export function membersOfLayout({ members, nodes }: Pick<Layout, "members" | "nodes">): Member[] {
  return members.map((id) => {
    const { weight = 1, zone } = nodes[id] ?? {};
    return zone === undefined ? { id, weight } : { id, weight, zone };
  });
}

/** The smallest step of a weight that changes a placement: one virtual node. */
export function weightStep({ partitioner }: Pick<Layout, "partitioner">): number {
  return 1 / (partitioner.kind === "ring" ? partitioner.virtualNodes : defaultVirtualNodes);
}

/**
 * Whether a change of layout is one of weights, or of cells' owners, alone (a new node had none, one that goes will have none), so that it
 * can be made in part.
 */
export function isGradual(before: Layout, after: Layout): boolean {
  const rule = ({ partitioner }: Layout) => JSON.stringify({ ...partitioner, owners: undefined });
  return before.replicas === after.replicas && rule(before) === rule(after);
}

/**
 * A layout on the way from one to the other: every weight that part of the way, in whole virtual nodes. It is a valid layout of
 * its own, and what has moved by then need not move again on the rest of the way.
 * @param part [0, 1]
 */
export function partialLayout(before: Layout, after: Layout, part: number): Layout {
  if (after.partitioner.kind === "semantic" && after.partitioner.owners) return partialCells(before, after, part);
  const step = weightStep(after);
  const ids = [...new Set([...before.members, ...after.members])];
  const nodes: Layout["nodes"] = {};
  for (const id of ids) {
    const from = before.members.includes(id) ? before.nodes[id]!.weight : 0;
    const to = after.members.includes(id) ? after.nodes[id]!.weight : 0;
    const exact = from + (to - from) * part;
    const weight = part >= 1 || from === to ? to : Number((Math.round(exact / step) * step).toFixed(9));
    if (weight > 0) nodes[id] = { ...(after.nodes[id] ?? before.nodes[id]!), weight };
  }
  const order = part >= 1 ? after.members : ids;
  return { ...after, members: order.filter((id) => nodes[id]), nodes };
}

/** The layout of a table as it is. */
export function layoutOfTable({ partitioner, replicas, members, nodes, spill }: RoutingTable): Layout {
  return {
    ...(spill?.phase === "on" && { spill: { ratio: spill.ratio } }),
    partitioner,
    replicas,
    members: [...members],
    nodes: Object.fromEntries(
      members.map((id) => {
        const { url, weight, zone } = nodes[id]!;
        return [id, { url, weight, ...(zone === undefined ? {} : { zone }) }];
      }),
    ),
  };
}

/** Some of the cells are where they are to be, those of nodes that go before all others; the rest where they were. A node that goes stays as long as it owns any. */
function partialCells(before: Layout, after: Layout, part: number): Layout {
  const placed = [before, after].map((layout) => placementOfLayout(layout));
  const cells = Array.from({ length: placed[0]!.space }, (_, cell) => cell);
  const [was, is] = placed.map((placement) => cells.map((cell) => [...placement.ownersOfHash(cell)]));
  const leaves = (cell: number) => was![cell]!.some((id) => !after.members.includes(id));
  const changed = cells
    .filter((cell) => was![cell]!.toSorted().join(" ") !== is![cell]!.toSorted().join(" "))
    .sort((a, b) => Number(leaves(b)) - Number(leaves(a)) || a - b);
  const done = new Set(changed.slice(0, Math.round(part * changed.length)));
  if (done.size === changed.length) return after;
  // Not even owners that nobody said before are said: it is the layout that there was.
  if (done.size === 0) return before;
  const owners = cells.map((cell) => (done.has(cell) ? is![cell]! : was![cell]!));
  const used = new Set(owners.flat());
  const members = [...after.members, ...before.members.filter((id) => !after.members.includes(id) && used.has(id))];
  const nodes = Object.fromEntries(members.map((id) => [id, after.nodes[id] ?? before.nodes[id]!]));
  return { ...after, partitioner: { ...after.partitioner, owners } as Layout["partitioner"], members, nodes };
}
