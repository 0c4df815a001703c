import { spillInTheWay } from "./moves.ts";
import { samePartitioner } from "./partitioner-change.ts";
import { physicalOf, type PartitionerSpec, type RoutingTable } from "./table.ts";
import { next, unchanged, type Transition } from "./transitions.ts";

/** A new layout is to be built in a second collection on the nodes. Nobody but its mover knows of it before the switch. */
export function beginBeside(
  table: RoutingTable,
  { physical, planId, partitioner }: { physical: string; planId: string; partitioner: PartitionerSpec },
): Transition | typeof unchanged {
  const { beside, transition, moves, spill } = table;
  if (beside) {
    // Also where it has been switched to.
    if (beside.planId === planId) return unchanged;
    return { refused: `${beside.physical} is ${beside.state === "building" ? "being built beside it" : "not dropped yet"}` };
  }
  if (transition) return { refused: "a change of partitioner is under way" };
  const way = spillInTheWay(table);
  if (way !== undefined) return { refused: way };
  if (spill) return { refused: "it keeps copies near boundaries" };
  if (samePartitioner(table.partitioner, partitioner)) return { refused: "the collection is placed so already" };
  if (physicalOf(table) === physical) return { refused: `it is called ${physical} already` };
  const open = moves.find((move) => !move.repair);
  if (open) return { refused: `move ${open.id} is in the table` };
  return next(table, { beside: { physical, planId, state: "building" } });
}

/**
 * The switch: from this epoch on, clients read and write the second collection, placed by the new partitioner. Refused unless the move that
 * logged what was touched is still in the pause it was drained under, every node serves, and no repair is under way: it would go on
 * with the collection that is left.
 */
export function switchBeside(
  table: RoutingTable,
  { planId, partitioner, pauses }: { planId: string; partitioner: PartitionerSpec; pauses: ReadonlyMap<string, number> },
): Transition | typeof unchanged {
  const { beside, nodes, moves, transition } = table;
  if (beside?.planId !== planId) return { refused: "nothing is being built beside it" };
  if (beside.state === "left") return unchanged;
  if (transition) return { refused: "a change of partitioner is under way" };
  for (const [id, pause] of pauses) {
    const move = moves.find((other) => other.id === id);
    if (move?.phase !== "paused" || move.pause !== pause) return { refused: `move ${id} is not in that pause any more` };
  }
  if (pauses.size === 0) return { refused: "writes are not held" };
  const other = moves.find(({ id }) => !pauses.has(id));
  if (other) return { refused: other.repair ? `${other.to} is being repaired` : `move ${other.id} is in the table` };
  const unfit = Object.entries(nodes).find(([, { state }]) => state === "stale" || state === "leaving");
  if (unfit) return { refused: `${unfit[0]} is ${unfit[1].state}` };
  return next(table, {
    partitioner,
    physical: beside.physical,
    beside: { physical: physicalOf(table), planId, state: "left" },
    moves: [],
  });
}

/** The second collection is gone from all nodes: the one that was left, or one that was given up while it was built. */
export function forgetBeside(table: RoutingTable, planId: string): Transition | typeof unchanged {
  const { beside, ...rest } = table;
  if (beside?.planId !== planId) return unchanged;
  const open = beside.state === "building" ? table.moves.find((move) => !move.repair) : undefined;
  if (open) return { refused: `move ${open.id} is in the table` };
  return next(rest, {});
}
