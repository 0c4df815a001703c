import type { OwnedSegment } from "./owners.ts";
import { ownerSet, type OwnerSet } from "./owner-set.ts";
import { inRanges, subtractRanges, type Range } from "./ranges.ts";
import { selectorRanges } from "./moves.ts";
import type { Placement } from "./segments.ts";
import type { Move, RoutingTable } from "./table.ts";

/** The new positions of a table whose points move between partitioners, cut where anything differs. */
export interface Changing {
  /** Every new position once, ascending. */
  readonly pieces: readonly { lo: number }[];
  /** Of the moved positions: who owns them. */
  readonly segments: readonly OwnedSegment[];
  readonly sets: readonly OwnerSet[];
  readonly unmoved: readonly Range[];
  /** Of the new positions. */
  readonly unmovedShare: number;
  /** @param old the segment of the old position; undefined where that is not known @param piece index; undefined: the point has no new position */
  readonly setOf: (old: OwnedSegment | undefined, piece: number | undefined) => OwnerSet;
}

interface Piece {
  lo: number;
  hi: number;
  /** Owners by the new placement; undefined: not moved. */
  owners: readonly string[] | undefined;
  moves: readonly Move[];
  share: number;
}

export function cutChanging(
  table: RoutingTable,
  { next, moved, indexOf }: { next: Placement; moved: readonly Range[]; indexOf: ReadonlyMap<string, number> },
): Changing {
  const pieces = piecesOf(table, next, moved);
  const sets = new Map<string, OwnerSet & { share: number }>();
  const movedSegments: OwnedSegment[] = [];
  for (const { lo, hi, owners, moves, share } of pieces) {
    if (!owners) continue;
    const key = `${owners.join(" ")}|${moves.map(({ id }) => id).join(" ")}`;
    let set = sets.get(key);
    if (!set) sets.set(key, (set = ownerSet(table, owners, moves, indexOf)));
    set.share += share;
    const last = movedSegments.at(-1);
    if (last?.set === set && last.hi === lo) last.hi = hi;
    else movedSegments.push({ lo, hi, set });
  }
  const nowhere = ownerSet(table, [], [], indexOf);
  /** By the set of the old position, and the piece of the new one. */
  const known = new Map<OwnerSet, (OwnerSet | undefined)[]>();
  const setOf = (old: OwnedSegment | undefined, index: number | undefined): OwnerSet => {
    if (index === undefined) return old?.set ?? nowhere;
    const from = old?.set ?? nowhere;
    let ofPiece = known.get(from);
    if (!ofPiece) known.set(from, (ofPiece = []));
    return (ofPiece[index] ??= combined(old, pieces[index]!));
  };
  const combined = (old: OwnedSegment | undefined, { owners, moves }: Piece): OwnerSet => {
    const set = old?.set ?? nowhere;
    const both = moves.filter((move) => set.moves.includes(move));
    if (owners) return { ...ownerSet(table, owners, both, indexOf), share: 0 };
    return { ...set, moves: both, paused: both.filter(({ phase }) => phase === "paused"), share: 0 };
  };
  return {
    pieces,
    segments: movedSegments,
    sets: [...sets.values()],
    unmoved: subtractRanges([[0, next.space]], moved),
    unmovedShare: pieces.reduce((sum, { owners, share }) => (owners ? sum : sum + share), 0),
    setOf,
  };
}

function piecesOf({ moves }: RoutingTable, next: Placement, moved: readonly Range[]): Piece[] {
  const intoOf = new Map(moves.map((move) => [move, move.into && selectorRanges(move.into)]));
  const edges = [...moved, ...[...intoOf.values()].flatMap((ranges) => ranges ?? [])].flat();
  const cuts = [...new Set(edges)].sort((a, b) => a - b);
  const pieces: Piece[] = [];
  let at = 0;
  for (const segment of next.segments()) {
    const density = segment.share / (segment.hi - segment.lo);
    let lo = segment.lo;
    while (at < cuts.length && cuts[at]! <= lo) at++;
    while (lo < segment.hi) {
      const hi = Math.min(segment.hi, cuts[at] ?? Infinity);
      pieces.push({
        lo,
        hi,
        owners: inRanges(moved, lo) ? segment.owners : undefined,
        moves: moves.filter((move) => {
          const ranges = intoOf.get(move);
          return !ranges || inRanges(ranges, lo);
        }),
        share: density * (hi - lo),
      });
      lo = hi;
      if (cuts[at] === lo) at++;
    }
  }
  return pieces;
}
