import { createRouting, type Routing } from "./owners.ts";
import { movesShare, spillInTheWay } from "./moves.ts";
import type { Move, RoutingTable, TableNode } from "./table.ts";

/** A change of the table, ready for compare-and-set on the epoch before it; or why it must not be. */
export type Transition = { table: RoutingTable } | { refused: string };

/** Nothing to change: the table says so already. */
export const unchanged = "unchanged";

/** The table after a change of these parts. */
export function next(table: RoutingTable, changes: Partial<RoutingTable>): { table: RoutingTable } {
  return { table: { ...table, ...changes, epoch: table.epoch + 1 } };
}

function withNode(table: RoutingTable, id: string, change: (node: TableNode) => TableNode): Record<string, TableNode> {
  return { ...table.nodes, [id]: change(table.nodes[id]!) };
}

function notQuiet(node: TableNode): TableNode {
  const copy = { ...node };
  delete copy.quiet;
  return copy;
}

function inPhase(move: Move, phase: Move["phase"]): Move {
  return { ...move, phase };
}

function withMove(table: RoutingTable, id: string, change: Partial<Move>): Move[] {
  return table.moves.map((move) => (move.id === id ? { ...move, ...change } : move));
}

/**
 * A node missed a write that is about to be acknowledged. Refused where some position would be left without a serving
 * owner. Marking a stale node again ends a repair that is under way, which then starts over: what failed now may land late.
 */
export function markStale(table: RoutingTable, id: string, routing: Routing): Transition | typeof unchanged {
  const node = table.nodes[id];
  if (!node) return { refused: `${id} is not in the table` };
  const moves = table.moves.filter((move) => !(move.repair && move.to === id));
  if (node.state === "stale") return moves.length === table.moves.length ? unchanged : next(table, { moves });
  const index = routing.indexOf.get(id);
  const last = routing.sets.find(({ read }) => read.length === 1 && read[0] === index);
  if (last) return { refused: `${id} is the last serving owner of a part of the keys` };
  return next(table, { moves, nodes: withNode(table, id, (old) => ({ ...notQuiet(old), state: "stale" })) });
}

/** A write to a node was not answered, and it cannot be marked stale: nobody writes to it for a while. */
export function markQuiet(table: RoutingTable, id: string): Transition | typeof unchanged {
  const node = table.nodes[id];
  if (!node || node.state === "stale") return unchanged;
  return next(table, { nodes: withNode(table, id, (old) => ({ ...old, quiet: table.epoch + 1 })) });
}

/** The end of that while; unchanged where the node was marked anew since. */
export function clearQuiet(table: RoutingTable, id: string, mark: number): Transition | typeof unchanged {
  if (table.nodes[id]?.quiet !== mark) return unchanged;
  return next(table, { nodes: withNode(table, id, notQuiet) });
}

/**
 * Step 1 of a tracked copy. Refused where a move with that id is there, where one that shares points is still open, or
 * where `to` already serves some of the points: a source that goes stale in mid-copy would then overwrite what is read.
 * A move whose `from` is its `to` copies nothing; it only takes `replaces` away from the owners (one replica less).
 */
export function announceMoves(table: RoutingTable, moves: readonly AnnouncedMove[], routing: Routing): Transition {
  for (const move of moves) {
    if (table.moves.some(({ id }) => id === move.id)) return { refused: `move ${move.id} is in the table already` };
    const copies = move.into !== undefined && table.spill?.phase === "filling";
    // A move from a node to itself that replaces nobody only holds writes.
    const holds = move.from === move.to && move.replaces === null;
    const way = move.repair || copies || holds ? undefined : spillInTheWay(table);
    if (way !== undefined) return { refused: way };
    for (const id of [move.from, move.to]) if (!table.nodes[id]) return { refused: `${id} is not in the table` };
    const shared = table.moves.find(
      (other) => other.phase !== "cutover" && !(move.log && other.log === move.log) && overlap(other, move),
    );
    if (shared) return { refused: `move ${shared.id} has points of move ${move.id} in flight` };
    const target = routing.indexOf.get(move.to)!;
    if (move.from !== move.to && routing.setsIn(move.selector, move.into).some((set) => set.read.includes(target)))
      return { refused: `${move.to} already serves points of move ${move.id}` };
  }
  return next(table, { moves: [...table.moves, ...moves.map((move): Move => ({ ...move, phase: "announced", pause: 0 }))] });
}

/** A move before it has a phase. */
export type AnnouncedMove = Pick<Move, "id" | "selector" | "from" | "to" | "replaces" | "repair" | "into" | "log">;

/** Step 4: writers hold writes to these moves' points. The pauses are numbered, so that a cut-over proves it is still in its own. */
export function startPause(table: RoutingTable, ids: readonly string[]): Transition {
  const missing = ids.find((id) => table.moves.find((move) => move.id === id)?.phase !== "announced");
  if (missing !== undefined) return { refused: `move ${missing} is not announced` };
  return next(table, {
    moves: table.moves.map((move) => (ids.includes(move.id) ? { ...move, phase: "paused", pause: move.pause + 1 } : move)),
  });
}

/** Ends that pause and no later one: the mover's right, and after 2 s any writer's. */
export function endPause(table: RoutingTable, id: string, pause: number): Transition | typeof unchanged {
  const move = table.moves.find((other) => other.id === id);
  if (move?.phase !== "paused" || move.pause !== pause) return unchanged;
  return next(table, { moves: withMove(table, id, { phase: "announced" }) });
}

/**
 * Step 5: `to` owns the points from here on, and a `joining` one is `serving`. Refused unless every move is in the pause it
 * drained under, its source is a serving or leaving owner of all its points, and its target, repair apart, is not stale.
 * Repairs of one node are cut over together: it is `serving` again, and they leave the table.
 */
export function cutOver(table: RoutingTable, pauses: ReadonlyMap<string, number>, routing: Routing): Transition {
  const moves = table.moves.filter(({ id }) => pauses.has(id));
  if (moves.length < pauses.size) return { refused: "a move is not in the table any more" };
  for (const move of moves) {
    if (move.phase !== "paused" || move.pause !== pauses.get(move.id))
      return { refused: `move ${move.id} is not in that pause any more` };
    const source = routing.indexOf.get(move.from)!;
    if (!routing.setsIn(move.selector, move.into).every((set) => set.read.includes(source)))
      return { refused: `${move.from} is not a serving owner of all points of move ${move.id}` };
    if ((table.nodes[move.to]!.state === "stale") !== (move.repair === true))
      return { refused: `${move.to} is ${table.nodes[move.to]!.state}` };
  }
  const nodes = { ...table.nodes };
  for (const { to, repair } of moves) {
    const node = nodes[to]!;
    const state = node.state === "leaving" ? "leaving" : "serving";
    nodes[to] = repair ? { ...node, state, repairs: (node.repairs ?? 0) + 1 } : { ...node, state };
  }
  const after = table.moves
    .filter((move) => !(move.repair && pauses.has(move.id)))
    .map((move) => (pauses.has(move.id) ? inPhase(move, "cutover") : move));
  return next(table, { nodes, moves: after });
}

/**
 * Why a group's moves may not be cut over together, all of its copies at once; undefined: they may. They must be in the pause they drained under, with
 * targets that are not stale, and nothing may be under repair: what nearly everybody owns changes.
 */
export function groupInTheWay({ moves, nodes }: RoutingTable, pauses: ReadonlyMap<string, number>): string | undefined {
  const mine = moves.filter(({ id }) => pauses.has(id));
  if (mine.length < pauses.size) return "a move is not in the table any more";
  for (const move of mine) {
    if (move.phase !== "paused" || move.pause !== pauses.get(move.id)) return `move ${move.id} is not in that pause any more`;
    if (nodes[move.to]!.state === "stale") return `${move.to} is stale`;
  }
  const repair = moves.find((move) => move.repair);
  return repair && `${repair.to} is being repaired`;
}

/** A stale node that owns nothing has nothing to repair: it is what it was before it served. */
export function reviveIdle(table: RoutingTable, id: string, routing: Routing): Transition | typeof unchanged {
  const node = table.nodes[id];
  if (node?.state !== "stale") return unchanged;
  const index = routing.indexOf.get(id)!;
  if (routing.sets.some(({ owners }) => owners.includes(index))) return { refused: `${id} owns points` };
  const state = table.members.includes(id) ? "serving" : "joining";
  return next(table, { nodes: withNode(table, id, (old) => ({ ...old, state, repairs: (old.repairs ?? 0) + 1 })) });
}

/** An aborted move leaves the table; one that was cut over does not, since ownership rests on it until the plan ends. */
export function dropMove(table: RoutingTable, id: string): Transition | typeof unchanged {
  const move = table.moves.find((other) => other.id === id);
  if (!move) return unchanged;
  if (move.phase === "cutover") return { refused: `move ${id} has been cut over` };
  return next(table, { moves: table.moves.filter((other) => other.id !== id) });
}

/**
 * The end of a plan: the layout that its moves led to becomes the table's own, and the moves leave it. Refused where the two
 * differ in an owner anywhere, which would make data unreachable.
 */
export function settle(
  table: RoutingTable,
  layout: Pick<RoutingTable, "partitioner" | "replicas" | "members" | "nodes">,
  ids: readonly string[],
): Transition {
  if (table.transition) return { refused: "a change of partitioner is under way" };
  const open = table.moves.find((move) => ids.includes(move.id) && move.phase !== "cutover");
  if (open) return { refused: `move ${open.id} has not been cut over` };
  const result = next(table, { ...layout, moves: table.moves.filter(({ id }) => !ids.includes(id)) });
  const before = createRouting(table);
  const after = createRouting(result.table);
  const edges = new Set([...before.segments, ...after.segments].map(({ lo }) => lo));
  for (const position of edges) {
    const was = before.setAt(position).owners.map((index) => before.nodeIds[index]!);
    const is = after.setAt(position).owners.map((index) => after.nodeIds[index]!);
    if (was.toSorted().join(" ") !== is.toSorted().join(" "))
      return { refused: `position ${position} is on ${was.join(", ")}, and would be on ${is.join(", ")}` };
  }
  return result;
}

/** Whether two moves may not be in flight together. A repair and a move may: the move releases its pause and waits. */
function overlap(a: AnnouncedMove, b: AnnouncedMove): boolean {
  if (Boolean(a.repair) !== Boolean(b.repair) || (a.repair && a.to !== b.to)) return false;
  return movesShare(a, b);
}
