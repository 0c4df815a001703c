import { selectorRanges } from "../moves.ts";
import { intersectRanges, joinRanges, type Range } from "../ranges.ts";
import type { Placement } from "../segments.ts";
import type { Coordinate, Selector } from "../table.ts";
import type { Amount, RegroupStep } from "./contract.ts";

/** Positions that the same nodes own, in whatever order. */
export interface Group {
  owners: readonly string[];
  ranges: Range[];
}

/** @param within only these positions */
export function groupsOf(placement: Placement, within?: readonly Range[]): Group[] {
  const bySet = new Map<string, Group>();
  for (const { lo, hi, owners } of placement.segments()) {
    const ranges: Range[] = within ? intersectRanges([[lo, hi]], within) : [[lo, hi]];
    if (ranges.length === 0) continue;
    const key = owners.toSorted().join(" ");
    const group = bySet.get(key) ?? { owners, ranges: [] };
    bySet.set(key, group);
    group.ranges = joinRanges(group.ranges, ranges);
  }
  return [...bySet.values()];
}

/**
 * The step that brings a group to its owners, or, `back`, home again.
 * @param copies that must be written, as a share of all points
 */
export function regroupStep(
  { owners, ranges }: Group,
  options: { id: string; coordinate: Coordinate; replicas: number; load: Amount; back?: true },
  copies: (into: Selector) => number,
): RegroupStep {
  const { id, coordinate, replicas, load, back } = options;
  const into = selectorOver(ranges, coordinate);
  const share = copies(into);
  return {
    id,
    kind: "regroup",
    into,
    owners: [...owners],
    ...(back && { back }),
    copiesDuring: replicas,
    points: Math.round(share * load.points),
    bytes: Math.round(share * load.bytes),
  };
}

function selectorOver(ranges: Range[], coordinate: Coordinate): Selector {
  if (coordinate !== "cell") return { kind: "ranges", ranges };
  return {
    kind: "cells",
    cells: selectorRanges({ kind: "ranges", ranges }).flatMap(([lo, hi]) => Array.from({ length: hi - lo }, (_, i) => lo + i)),
  };
}
