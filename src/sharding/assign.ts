import type { OwnedSegment } from "./owners.ts";

export interface Assignment {
  /** For each node, ascending ranges [lo, hi) of positions that it answers for; each position is with one node. */
  ranges: Map<number, [lo: number, hi: number][]>;
  /** The share of positions for which no node was usable. */
  missingShare: number;
}

/**
 * Gives each position to one serving owner, in as few ranges as possible: from left to right always to the owner that can
 * go on furthest (which is optimal for intervals); `preference` decides between equals.
 * @param usable whether a node may be asked
 * @param preference lower is better
 * @param within only positions in these ascending ranges; absent: all
 */
export function assignRanges(
  segments: readonly OwnedSegment[],
  usable: (node: number) => boolean,
  preference: (node: number) => number,
  within?: readonly (readonly [lo: number, hi: number])[],
): Assignment {
  const pieces = within ? clip(segments, within) : segments;
  const reach = reaches(pieces, usable);
  const ranges: Assignment["ranges"] = new Map();
  let missingShare = 0;
  let current = -1;
  for (const [index, { lo, hi, set }] of pieces.entries()) {
    if (pieces[index - 1]?.hi !== lo || !set.read.includes(current)) {
      current = -1;
      for (const node of set.read) {
        if (!usable(node)) continue;
        const further = current === -1 ? 1 : reach[index]!.get(node)! - reach[index]!.get(current)!;
        if (further > 0 || (further === 0 && preference(node) < preference(current))) current = node;
      }
    }
    if (current === -1) {
      const whole = segments.reduce((sum, segment) => (segment.set === set ? sum + segment.hi - segment.lo : sum), 0);
      missingShare += (set.share * (hi - lo)) / whole;
      continue;
    }
    const mine = ranges.get(current) ?? [];
    const last = mine.at(-1);
    if (last?.[1] === lo) last[1] = hi;
    else mine.push([lo, hi]);
    ranges.set(current, mine);
  }
  return { ranges, missingShare };
}

/** For each piece and usable owner, how far to the right it serves without a gap. */
function reaches(pieces: readonly OwnedSegment[], usable: (node: number) => boolean): Map<number, number>[] {
  const result: Map<number, number>[] = pieces.map(() => new Map());
  for (let index = pieces.length - 1; index >= 0; index--) {
    const { hi, set } = pieces[index]!;
    const right = pieces[index + 1]?.lo === hi ? result[index + 1] : undefined;
    for (const node of set.read) if (usable(node)) result[index]!.set(node, right?.get(node) ?? hi);
  }
  return result;
}

function clip(segments: readonly OwnedSegment[], within: readonly (readonly [lo: number, hi: number])[]): OwnedSegment[] {
  const result: OwnedSegment[] = [];
  for (const [from, to] of within)
    for (const { lo, hi, set } of segments)
      if (lo < to && hi > from) result.push({ lo: Math.max(lo, from), hi: Math.min(hi, to), set });
  return result;
}
