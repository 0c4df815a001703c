import type { Routing } from "./owners.ts";
import { joinRanges, subtractRanges, type Range } from "./ranges.ts";
import { field, type Move, type RoutingTable, type TableSpill } from "./table.ts";
import { groupInTheWay, next, type Transition } from "./transitions.ts";

/** What second cells by this ratio are stamped under: a field that has never stood for anything else. */
export function spillFieldOf({ partitioner, spillFields = {} }: RoutingTable, ratio: number): { name: string; of: string } {
  const of = `${partitioner.kind === "semantic" ? partitioner.modelId : ""} ${ratio}`;
  const used = Object.keys(spillFields);
  const known = used.find((name) => spillFields[name] === of);
  return { of, name: known ?? (used.length === 0 ? field.spill : `${field.spill}_${used.length + 1}`) };
}

/** Ratios by which points may be stamped for the present cells, from now or before. */
export function stampedRatios({ partitioner, spillFields = {} }: RoutingTable): number[] {
  if (partitioner.kind !== "semantic") return [];
  return Object.values(spillFields).flatMap((of) => {
    const [modelId, ratio] = of.split(" ");
    return modelId === partitioner.modelId ? [Number(ratio)] : [];
  });
}

/** Copies are to be kept: from the epoch on that every client has confirmed, all that is written carries its second cell. */
export function beginSpill(table: RoutingTable, ratio: number): Transition | "unchanged" {
  const { spill, partitioner, transition, beside, moves } = table;
  if (spill) {
    if (spill.ratio !== ratio) return { refused: "copies are kept by another ratio" };
    return spill.phase === "ending" ? { refused: "copies are being taken away" } : "unchanged";
  }
  if (partitioner.kind !== "semantic") return { refused: "the collection has no cells" };
  if (transition) return { refused: "a change of partitioner is under way" };
  if (beside) return { refused: `${beside.physical} is beside it` };
  const open = moves.find((move) => !move.repair);
  if (open) return { refused: `move ${open.id} is in the table` };
  const { name, of } = spillFieldOf(table, ratio);
  return next(table, {
    spill: { ratio, field: name, phase: "stamping" },
    spillFields: { ...table.spillFields, [name]: of },
  });
}

/**
 * Every point carries its second cell: copies may be made. Refused where a node may still hold, or be given, some without.
 * @param repairs of each node, when the count began in which none was found without
 */
export function beginFilling(table: RoutingTable, repairs: ReadonlyMap<string, number>): Transition | "unchanged" {
  const { spill } = table;
  if (!spill) return { refused: "no copies are to be kept" };
  if (spill.phase !== "stamping") return "unchanged";
  for (const [id, { state, quiet, repairs: times = 0 }] of Object.entries(table.nodes)) {
    if (state === "stale" || quiet !== undefined) return { refused: `${id} is ${state === "stale" ? "stale" : "quiet"}` };
    if (state !== "joining" && repairs.get(id) !== times) return { refused: `${id} was repaired since its points were counted` };
  }
  const open = table.moves[0];
  if (open) return { refused: `move ${open.id} is in the table` };
  return inPhase(table, spill, "filling");
}

/**
 * All copies are there: from here on writers keep them, and searches count on them. Refused unless its moves are in the pause they drained under,
 * their targets are not stale, and nothing is being repaired.
 * @param pauses of all its moves; none where nothing had to be copied
 */
export function cutOverSpill(table: RoutingTable, pauses: ReadonlyMap<string, number>): Transition | "unchanged" {
  const { spill, moves } = table;
  if (spill?.phase === "on") return "unchanged";
  if (spill?.phase !== "filling") return { refused: "no copies are being made" };
  const way = groupInTheWay(table, pauses);
  if (way !== undefined) return { refused: way };
  return inPhase(
    table,
    spill,
    "on",
    moves.filter(({ id }) => !pauses.has(id)),
  );
}

/** Copies are no longer kept: nobody counts on them once every client has confirmed. Repairs under way start over: they would bring them back. */
export function endSpill(table: RoutingTable): Transition | "unchanged" {
  const { spill, moves } = table;
  if (!spill || spill.phase === "ending") return "unchanged";
  const open = moves.find((move) => !move.repair);
  if (open) return { refused: `move ${open.id} is in the table` };
  return inPhase(table, spill, "ending", []);
}

/** What was left of them is gone. */
export function dropSpill(table: RoutingTable): Transition | "unchanged" {
  const { spill, ...rest } = table;
  if (!spill) return "unchanged";
  if (spill.phase !== "ending") return { refused: "copies are still kept" };
  return next(rest, {});
}

function inPhase(table: RoutingTable, spill: TableSpill, phase: TableSpill["phase"], moves: Move[] = table.moves): Transition {
  return next(table, { spill: { ...spill, phase }, moves });
}

/** Points of which a node keeps copies: those of cells that it does not own, whose second cells it does. */
export interface SpillTarget {
  to: string;
  old: Range[];
  into: Range[];
}

/** Pure; all nodes count, stale ones too. */
export function spillTargets({
  segments,
  nodeIds,
  placement,
}: Pick<Routing, "segments" | "nodeIds" | "placement">): SpillTarget[] {
  return nodeIds.flatMap((to, node) => {
    const owned = segments.filter(({ set }) => set.owners.includes(node)).map(({ lo, hi }): Range => [lo, hi]);
    const into = joinRanges(owned, []);
    const old = subtractRanges([[0, placement.space]], into);
    return into.length === 0 || old.length === 0 ? [] : [{ to, old, into }];
  });
}
