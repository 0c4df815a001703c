import { selectorRanges, spillInTheWay } from "./moves.ts";
import type { Routing } from "./owners.ts";
import { placementOf } from "./owners.ts";
import { intersectRanges, joinRanges, subtractRanges, type Range } from "./ranges.ts";
import type { PartitionerSpec, RoutingTable, Selector } from "./table.ts";
import { groupInTheWay, next, type Transition } from "./transitions.ts";

/** Whether two partitioners are the same; of models, their name stands for their centroids. */
export function samePartitioner(a: PartitionerSpec, b: PartitionerSpec): boolean {
  if (a.kind === "semantic" && b.kind === "semantic")
    return sameCells(a, b) && JSON.stringify(a.owners) === JSON.stringify(b.owners);
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Whether they have the same cells, whoever owns them: plain moves lead from one to the other. */
export function sameCells(a: PartitionerSpec, b: PartitionerSpec): boolean {
  return a.kind === "semantic" && b.kind === "semantic" && a.modelId === b.modelId && a.field === b.field && a.hash === b.hash;
}

/** Whether two partitioners give every point the same position, wherever they then place it. */
export function samePositions(a: PartitionerSpec, b: PartitionerSpec): boolean {
  if (a.kind === "semantic" || b.kind === "semantic") return sameCells(a, b);
  return a.hash === b.hash && (a.kind === "range") === (b.kind === "range");
}

/**
 * A change of partitioner begins: from the epoch on that every client has confirmed, all that is written carries the positions of both.
 * Hashes are on every point already: there moving may begin at once.
 */
export function beginChange(table: RoutingTable, to: PartitionerSpec): Transition | "unchanged" {
  const { transition, partitioner, moves } = table;
  if (transition) {
    if (samePartitioner(transition.to, to)) return "unchanged";
    return { refused: "another change of partitioner is under way" };
  }
  const way = spillInTheWay(table);
  if (way !== undefined) return { refused: way };
  if (samePartitioner(partitioner, to) || sameCells(partitioner, to)) return { refused: "the collection is placed so already" };
  if (partitioner.hash !== to.hash || partitioner.kind === "range" || to.kind === "range")
    return { refused: "the two partitioners hash keys differently" };
  const open = moves.find((move) => !move.repair);
  if (open) return { refused: `move ${open.id} is in the table` };
  return next(table, { transition: { to, phase: to.kind === "semantic" ? "stamping" : "moving", moved: [] } });
}

/**
 * Every point carries its new position: from here on points may move. Refused where a node may still hold, or be given, some without:
 * one that is stale or quiet now, or that was repaired since its points were counted.
 * @param repairs of each node, when the count began in which none was found without
 */
export function beginMoving(table: RoutingTable, repairs: ReadonlyMap<string, number>): Transition | "unchanged" {
  const { transition } = table;
  if (!transition) return { refused: "no change of partitioner is under way" };
  if (transition.phase === "moving") return "unchanged";
  for (const [id, { state, quiet, repairs: times = 0 }] of Object.entries(table.nodes)) {
    if (state === "stale" || quiet !== undefined) return { refused: `${id} is ${state === "stale" ? "stale" : "quiet"}` };
    if (state !== "joining" && repairs.get(id) !== times) return { refused: `${id} was repaired since its points were counted` };
  }
  const open = table.moves[0];
  if (open) return { refused: `move ${open.id} is in the table` };
  return next(table, { transition: { ...transition, phase: "moving" } });
}

/** The new positions of a group, as ranges; of a change that does not say so, all of them. */
function groupRanges(into: Selector): Range[] {
  return selectorRanges(into);
}

/**
 * A group's cut-over: its points belong where the new partitioner has them (`back`: where the old one had them). Refused unless its moves are
 * in the pause they drained under, nothing is being repaired, and the targets are not stale.
 * @param pauses of all its moves; none where nothing had to be copied
 * @param ready why the sources do not hold any more, if so
 */
export function cutOverGroup(
  table: RoutingTable,
  { into, back, pauses }: { into: Selector; back: boolean; pauses: ReadonlyMap<string, number> },
): Transition | "unchanged" {
  const { transition, moves } = table;
  if (transition?.phase !== "moving") return { refused: "no points are moving between partitioners" };
  const ranges = groupRanges(into);
  const { moved } = transition;
  const left = back ? intersectRanges(ranges, moved) : subtractRanges(ranges, moved);
  if (left.length === 0) return "unchanged";
  const way = groupInTheWay(table, pauses);
  if (way !== undefined) return { refused: way };
  return next(table, {
    transition: { ...transition, moved: back ? subtractRanges(moved, ranges) : joinRanges(moved, ranges) },
    moves: moves.filter(({ id }) => !pauses.has(id)),
  });
}

/** The end: everything has moved, and the new partitioner is the table's own. Repairs under way start over: they know of two. */
export function finishChange(table: RoutingTable): Transition {
  const { transition } = table;
  if (!transition) return { refused: "no change of partitioner is under way" };
  const { space } = placementOf({ ...table, partitioner: transition.to });
  if (subtractRanges([[0, space]], transition.moved).length > 0) return { refused: "some points have not moved yet" };
  return withoutChange(table, transition.to);
}

/** The other end: nothing has moved (any more), and the old partitioner stays. */
export function dropChange(table: RoutingTable): Transition | "unchanged" {
  const { transition } = table;
  if (!transition) return "unchanged";
  if (transition.moved.length > 0) return { refused: "some points have moved already" };
  return withoutChange(table, table.partitioner);
}

function withoutChange(table: RoutingTable, partitioner: PartitionerSpec): Transition {
  const { transition: _over, ...rest } = table;
  const open = table.moves.find((move) => !move.repair);
  if (open) return { refused: `move ${open.id} is in the table` };
  return next(rest, { partitioner, moves: [] });
}

/** Who a group's points must be copied to, and which of their positions each lacks. */
export interface GroupTarget {
  to: string;
  /** Old positions whose owners it is not among (`back`: those that it is to own). */
  old: Range[];
  /** New positions of the group that it does not own (`back`); else all of the group. */
  into: Range[];
}

/** Pure; all nodes count, stale ones too. Nobody is a target for what it owns already. */
export function groupTargets(routing: Routing, into: Selector, back: boolean): GroupTarget[] {
  const { table, next: placement, segments, nodeIds } = routing;
  if (!placement) return [];
  const moved = table.transition!.moved;
  const group = back ? intersectRanges(groupRanges(into), moved) : subtractRanges(groupRanges(into), moved);
  if (group.length === 0) return [];
  const ofNew = new Map<string, Range[]>();
  for (const { lo, hi, owners } of placement.segments()) {
    const mine = intersectRanges([[lo, hi]], group);
    for (const id of owners) if (mine.length > 0) ofNew.set(id, joinRanges(ofNew.get(id) ?? [], mine));
  }
  const ownedBefore = (id: string): Range[] => {
    const ranges: Range[] = [];
    const node = routing.indexOf.get(id)!;
    for (const { lo, hi, set } of segments) {
      if (!set.owners.includes(node)) continue;
      const last = ranges.at(-1);
      if (last?.[1] === lo) last[1] = hi;
      else ranges.push([lo, hi]);
    }
    return ranges;
  };
  const targets = back
    ? nodeIds.map((to) => ({ to, old: ownedBefore(to), into: subtractRanges(group, ofNew.get(to) ?? []) }))
    : [...ofNew].map(([to, ranges]) => ({
        to,
        old: subtractRanges([[0, routing.placement.space]], ownedBefore(to)),
        into: ranges,
      }));
  return targets.filter((target) => target.old.length > 0 && target.into.length > 0);
}
