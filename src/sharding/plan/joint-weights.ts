import type { Weigh } from "../movement.ts";
import { shares } from "../placement.ts";
import { inRanges, joinRanges, type Range } from "../ranges.ts";
import type { Placement, Segment } from "../segments.ts";
import type { TransitionRequest } from "./transition-request.ts";
import { weighParts } from "./weigh.ts";

/** What of all points lies where, by both partitioners. */
export interface JointWeights {
  newIn?: Weigh;
  oldIn?: Weigh;
  /** Copies that must be written for new positions of these owners: share of all points × copies. */
  copiedTo(owners: readonly string[], into: readonly Range[]): number;
  /** Of all copies after, [0, 1]. */
  copied: number;
  primaryChanged: number;
}

/**
 * From points by new cell, or by old and new cell, where the request has them; from shares of the positions, elsewhere. Pure.
 */
export function jointWeights(
  { table, newCells, pairs }: Pick<TransitionRequest, "table" | "newCells" | "pairs">,
  before: Placement,
  after: Placement,
): JointWeights {
  const cellParts = (counts: readonly number[]) => weighParts(counts.map((amount, lo) => ({ lo, hi: lo + 1, amount })));
  const joint = pairs && pairs.length > 0 ? pairs : undefined;
  const tally = (of: "from" | "to", cells: number) => {
    const counts: number[] = Array.from({ length: cells }, () => 0);
    for (const pair of joint ?? []) counts[pair[of]]! += pair.points;
    return counts;
  };
  const newIn = joint ? cellParts(tally("to", after.space)) : newCells && cellParts(newCells);
  const oldIn = joint && before.coordinate === "cell" ? cellParts(tally("from", before.space)) : undefined;
  const shareOf = (weigh: Weigh | undefined, { lo, hi, share }: Pick<Segment, "lo" | "hi" | "share">) =>
    weigh ? weigh(lo, hi) : share;
  const olds = ownerShares(before.segments(), (segment) => shareOf(oldIn, segment));
  const lacking = (owners: readonly string[], was: readonly string[]) => owners.filter((id) => !was.includes(id)).length;
  const all = joint?.reduce((total, { points }) => total + points, 0) ?? 0;
  const copiedTo = (owners: readonly string[], into: readonly Range[]): number => {
    if (joint)
      return joint
        .filter((pair) => inRanges(into, pair.to))
        .reduce((total, { from, points }) => total + (points / all) * lacking(owners, before.ownersOfHash(from)), 0);
    const share = partShare(after, into, newIn);
    return olds.reduce((total, old) => total + share * old.share * lacking(owners, old.owners), 0);
  };
  let copied = 0;
  let primaryChanged = 0;
  for (const group of ownerShares(after.segments(), (segment) => shareOf(newIn, segment))) {
    copied += copiedTo(group.owners, group.ranges);
    if (joint)
      for (const { from, to, points } of joint)
        primaryChanged += inRanges(group.ranges, to) && before.ownersOfHash(from)[0] !== group.owners[0] ? points / all : 0;
    else for (const old of olds) primaryChanged += old.owners[0] === group.owners[0] ? 0 : group.share * old.share;
  }
  return { ...(newIn && { newIn }), ...(oldIn && { oldIn }), copiedTo, copied: copied / table.replicas, primaryChanged };
}

/** Positions by their owners, in order. */
function ownerShares(segments: readonly Segment[], shareOf: (segment: Segment) => number) {
  const groups = new Map<string, { owners: readonly string[]; ranges: Range[]; share: number }>();
  for (const segment of segments) {
    const key = segment.owners.join(" ");
    const group = groups.get(key) ?? { owners: segment.owners, ranges: [], share: 0 };
    groups.set(key, group);
    group.ranges = joinRanges(group.ranges, [[segment.lo, segment.hi]]);
    group.share += shareOf(segment);
  }
  return [...groups.values()];
}

/** The share of all points that new positions hold. */
export function partShare(placement: Placement, into: readonly Range[], weigh: Weigh | undefined): number {
  if (weigh) return into.reduce((total, [lo, hi]) => total + weigh(lo, hi), 0);
  return placement
    .segments()
    .reduce(
      (total, { lo, hi, share }) =>
        total +
        into.reduce((part, [from, to]) => part + (share * Math.max(0, Math.min(hi, to) - Math.max(lo, from))) / (hi - lo), 0),
      0,
    );
}

/** What must be written in any case (ROUTING.md, "Arithmetic of a plan"). */
export function minimumFraction(before: Placement, after: Placement, model: JointWeights, replicas: number): number {
  const shareIn = (placement: Placement, weigh: Weigh | undefined) => {
    if (!weigh) return shares(placement);
    const result = new Map(placement.members.map((id) => [id, 0]));
    for (const { lo, hi, owners } of placement.segments())
      for (const id of owners) result.set(id, result.get(id)! + weigh(lo, hi));
    return result;
  };
  const [was, is] = [shareIn(before, model.oldIn), shareIn(after, model.newIn)];
  return [...is].reduce((total, [id, share]) => total + Math.max(0, share - (was.get(id) ?? 0)), 0) / replicas;
}
