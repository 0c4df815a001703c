import type { Move, RoutingTable } from "./table.ts";

/** Everything that holds for a set of positions: who owns them, now, under a table with its moves. Nodes are indices into `Routing.nodeIds`. */
export interface OwnerSet {
  /** After the cut-overs that have happened, the primary first; stale ones included. */
  readonly owners: readonly number[];
  /** Must get every write: owners that are not stale. */
  readonly write: readonly number[];
  /** May answer reads: owners that are serving or leaving. */
  readonly read: readonly number[];
  /** Some node of `write` may be sent nothing for now, so a write here has to wait or fail. */
  readonly quiet: boolean;
  /** Announced or paused moves that a write here must be logged for. */
  readonly moves: readonly Move[];
  /** Those of them that hold writes. */
  readonly paused: readonly Move[];
  /** Of all positions. */
  readonly share: number;
  /** Where copies are kept near boundaries: the owners of the point's own cell alone, who answer for it. Absent: all of these. */
  readonly home?: OwnerSet;
}

/** @param owners after the cut-overs that have happened */
export function ownerSet(
  { nodes }: RoutingTable,
  owners: readonly string[],
  moves: readonly Move[],
  indexOf: ReadonlyMap<string, number>,
): OwnerSet & { share: number } {
  const known = owners.filter((id) => nodes[id]);
  const write = known.filter((id) => nodes[id]!.state !== "stale");
  const read = write.filter((id) => nodes[id]!.state !== "joining");
  const indices = (ids: readonly string[]) => ids.map((id) => indexOf.get(id)!);
  const open = moves.filter((move) => move.phase !== "cutover");
  return {
    owners: indices(known),
    write: indices(write),
    read: indices(read),
    quiet: write.some((id) => nodes[id]!.quiet !== undefined),
    moves: open,
    paused: open.filter((move) => move.phase === "paused"),
    share: 0,
  };
}
