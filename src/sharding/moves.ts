import { intersectRanges } from "./ranges.ts";
import type { Move, RoutingTable, Selector } from "./table.ts";

/** A selector as half-open ranges of positions; a cell is the range of its own number. */
export function selectorRanges(selector: Selector): [lo: number, hi: number][] {
  return selector.kind === "ranges" ? selector.ranges : selector.cells.map((cell) => [cell, cell + 1]);
}

function selects(selector: Selector, position: number): boolean {
  if (selector.kind === "cells") return selector.cells.includes(position);
  return selector.ranges.some(([lo, hi]) => position >= lo && position < hi);
}

/** Whether a point is one of a move's. @param to its position under the partitioner that is to come, while it changes */
export function moveSelects({ selector, into }: Pick<Move, "selector" | "into">, position: number, to?: number): boolean {
  return selects(selector, position) && (!into || (to !== undefined && selects(into, to)));
}

/** Whether two moves have points in common. */
export function movesShare(a: Pick<Move, "selector" | "into">, b: Pick<Move, "selector" | "into">): boolean {
  if (intersectRanges(selectorRanges(a.selector), selectorRanges(b.selector)).length === 0) return false;
  return !a.into || !b.into || intersectRanges(selectorRanges(a.into), selectorRanges(b.into)).length > 0;
}

/** The owner that a move's cut-over takes away; undefined where none goes. */
export function replacedBy(move: Move): string | undefined {
  if (move.repair || move.replaces === null) return undefined;
  return move.replaces ?? move.from;
}

/**
 * Owners once the cut-overs among these moves have happened, in the order of the list. `to` takes the place of the one that
 * goes; where it is an owner already, that one only goes; a move whose owner to replace is none any more changes nothing.
 */
export function ownersAfter(owners: readonly string[], moves: readonly Move[]): readonly string[] {
  let result = owners;
  for (const move of moves) {
    if (move.phase !== "cutover" || move.repair || move.into) continue;
    const gone = replacedBy(move);
    if (gone === undefined) result = result.includes(move.to) ? result : [...result, move.to];
    else if (result.includes(gone))
      result = result.includes(move.to) ? result.filter((id) => id !== gone) : result.map((id) => (id === gone ? move.to : id));
  }
  return result;
}

/** Why this may not change where points belong while copies are kept near boundaries; undefined: nothing is in the way. */
export function spillInTheWay({ spill }: Pick<RoutingTable, "spill">): string | undefined {
  if (!spill) return undefined;
  return "copies near boundaries are kept, and do not move with their points: ragctl rebalance plan --spill off makes a plan to end that first";
}
