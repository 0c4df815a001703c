import type { Move, Selector } from "./table.ts";

/** A selector as half-open ranges of positions; a cell is the range of its own number. */
export function selectorRanges(selector: Selector): [lo: number, hi: number][] {
  return selector.kind === "ranges" ? selector.ranges : selector.cells.map((cell) => [cell, cell + 1]);
}

export function selects(selector: Selector, position: number): boolean {
  if (selector.kind === "cells") return selector.cells.includes(position);
  return selector.ranges.some(([lo, hi]) => position >= lo && position < hi);
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
    if (move.phase !== "cutover" || move.repair) continue;
    const gone = replacedBy(move);
    if (gone === undefined) result = result.includes(move.to) ? result : [...result, move.to];
    else if (result.includes(gone))
      result = result.includes(move.to) ? result.filter((id) => id !== gone) : result.map((id) => (id === gone ? move.to : id));
  }
  return result;
}
