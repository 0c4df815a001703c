import type { Placement, Segment } from "./segments.ts";

export interface Movement {
  /** Copies written ÷ all copies after. */
  movedFraction: number;
  /** The share of keys whose first owner changes. */
  primaryChangedFraction: number;
  /** Σ over nodes of max(0, share after − share before) ÷ replicas after: no plan with these shares writes less. */
  minimumFraction: number;
  /** For each pair of nodes the ranges that go from one to the other, as one move; `from` is where the copy is read. */
  transfers: { from: string; to: string; replaces: string | null; ranges: [lo: number, hi: number][]; share: number }[];
}

/**
 * What changes between two placements over the same positions, from the arcs. Where owners change, those that leave are
 * paired in order with those that come; an owner that comes without another leaving is copied from the first that stays
 * or leaves, and an owner that only leaves moves nothing.
 */
export function movement(before: Placement, after: Placement): Movement {
  const transfers = new Map<string, Movement["transfers"][number]>();
  const change = new Map<string, number>();
  let copies = 0;
  let primary = 0;
  for (const { lo, hi, share, was, is } of overlay(before.segments(), after.segments())) {
    if (was === is) continue;
    for (const id of was) change.set(id, (change.get(id) ?? 0) - share);
    for (const id of is) change.set(id, (change.get(id) ?? 0) + share);
    if (was[0] !== is[0]) primary += share;
    const gone = was.filter((id) => !is.includes(id));
    for (const [index, to] of is.filter((id) => !was.includes(id)).entries()) {
      copies += share;
      const replaces = gone[index] ?? null;
      const from = replaces ?? was[0]!;
      const key = JSON.stringify([from, to, replaces]);
      let transfer = transfers.get(key);
      if (!transfer) transfers.set(key, (transfer = { from, to, replaces, ranges: [], share: 0 }));
      transfer.share += share;
      const last = transfer.ranges.at(-1);
      if (last?.[1] === lo) last[1] = hi;
      else transfer.ranges.push([lo, hi]);
    }
  }
  const gained = [...change.values()].reduce((sum, delta) => sum + Math.max(0, delta), 0);
  return {
    movedFraction: copies / after.replicas,
    primaryChangedFraction: primary,
    minimumFraction: gained / after.replicas,
    transfers: [...transfers.values()],
  };
}

/** Both segment lists cut at each other's edges. Shares are those of the list `after`. */
function* overlay(before: readonly Segment[], after: readonly Segment[]) {
  let index = 0;
  for (const segment of after) {
    const density = segment.share / (segment.hi - segment.lo);
    let lo = segment.lo;
    while (lo < segment.hi) {
      while (before[index]!.hi <= lo) index++;
      const hi = Math.min(segment.hi, before[index]!.hi);
      yield { lo, hi, share: density * (hi - lo), was: before[index]!.owners, is: segment.owners };
      lo = hi;
    }
  }
}
