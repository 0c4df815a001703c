import { ExitCode, RagctlError, usageError } from "../../errors.ts";
import { selectorRanges } from "../moves.ts";
import { groupTargets, samePartitioner } from "../partitioner-change.ts";
import { createRouting, placementOf } from "../owners.ts";
import { shares } from "../placement.ts";
import { inRanges, joinRanges, type Range } from "../ranges.ts";
import type { Placement, Segment } from "../segments.ts";
import { positionFieldOf, type Coordinate, type PartitionerSpec, type RoutingTable, type Selector } from "../table.ts";
import type { Amount, BackfillStep, ExpectedSearch, Layout, Plan, PlanStep, RegroupStep } from "./contract.ts";
import { fingerprintOfTable } from "./fingerprint.ts";
import { balanceOf, loadsOf } from "./loads.ts";
import { secondsAt, type MaxRate } from "./price.ts";
import { weighParts } from "./weigh.ts";

export interface TransitionRequest {
  planId: string;
  /** ISO 8601. */
  createdAt: string;
  cluster: string;
  /** As it is now; a plan is made for its partitioner, members, weights and replicas. */
  table: RoutingTable;
  /** Members that do not answer: nothing is planned while there are any. */
  unreachable?: ReadonlySet<string>;
  /** `semanticSpec(…)` of a model, or a ring (its hash must be that of the present partitioner). */
  to: PartitionerSpec;
  /** All points, each counted once. */
  load: Amount;
  /** Points of each new cell, of any unit; even unless given. Only where `to` is semantic. */
  newCells?: readonly number[];
  /** How often each new cell is asked for: the hottest moves first. Unless given, the largest first. */
  heat?: readonly number[];
  /** From one model to another: points by old and new cell, of any unit. Unless given, the two are taken to be independent. */
  pairs?: readonly { from: number; to: number; points: number }[];
  maxRate: MaxRate;
  /** What `rebalance simulate` found; printed, and kept in the plan. */
  expected?: ExpectedSearch;
}

/**
 * The plan of a change of partitioner, from numbers alone: hash to semantic, model to model (a split of one cell is one), or back to a
 * ring. `loadHashes()` must have been awaited.
 * @returns without steps where the table has that partitioner already
 * @throws RagctlError exit 2 for a partitioner that the collection cannot have (another dimension or hash, keys of ranges), 7 where a node is
 * stale or does not answer, moves are in flight, or another change of partitioner is under way
 */
export function planTransition(request: TransitionRequest): Plan {
  const { table, to, load } = request;
  requireFit(request);
  requireQuiet(request);
  const before = placementOf(table);
  const layout: Layout = { ...layoutOf(table), partitioner: to };
  const same = samePartitioner(table.partitioner, to);
  const after = same ? before : placementOf({ ...table, partitioner: to });
  const model = weightsOf(request, before, after);
  const groups = same ? [] : groupsOf(request, after, model);
  const steps: PlanStep[] = [
    ...(to.kind === "semantic"
      ? [
          { id: "stamp", kind: "stamp", partitioner: to } as const,
          {
            id: "backfill",
            kind: "backfill",
            field: positionFieldOf(to),
            points: Math.round(load.points),
            bytes: 0,
          } satisfies BackfillStep,
        ]
      : [{ id: "stamp", kind: "stamp", partitioner: to } as const]),
    ...groups,
    { id: "settle", kind: "settle", layout },
  ];
  const price = sum(groups);
  return {
    schemaVersion: 1,
    kind: "rebalance",
    planId: request.planId,
    createdAt: request.createdAt,
    cluster: request.cluster,
    topology: "routed",
    collection: table.collection,
    offline: false,
    fingerprint: fingerprintOfTable(table),
    steps: same ? [] : steps,
    price: {
      ...price,
      movedFraction: same ? 0 : model.copied,
      primaryChangedFraction: same ? 0 : model.primaryChanged,
      minimumFraction: same ? 0 : minimumFraction(before, after, model, table.replicas),
      estimatedSeconds: same ? 0 : secondsAt(price, groups.length, request.maxRate) + Math.round(load.points / stampedPerSec),
    },
    before: balanceOf(loadsOf(before, { ...load, ...(model.oldIn && { pointsIn: model.oldIn }) }), weightOf(table)),
    predicted: balanceOf(loadsOf(after, { ...load, ...(model.newIn && { pointsIn: model.newIn }) }), weightOf(table)),
    ...(request.expected && { expected: request.expected }),
  };
}

/** Points that a backfill stamps a second, for the estimate alone. */
const stampedPerSec = 10_000;

function weightOf({ nodes }: RoutingTable): (id: string) => number {
  return (id) => nodes[id]?.weight ?? 1;
}

/** The layout of a table as it is. */
export function layoutOf({ partitioner, replicas, members, nodes }: RoutingTable): Layout {
  return {
    partitioner,
    replicas,
    members: [...members],
    nodes: Object.fromEntries(
      members.map((id) => {
        const { url, weight, zone } = nodes[id]!;
        return [id, { url, weight, ...(zone === undefined ? {} : { zone }) }];
      }),
    ),
  };
}

function requireFit({ table, to, newCells, heat }: TransitionRequest): void {
  const { partitioner, vector } = table;
  const problems: { path?: string; message: string }[] = [];
  if (to.hash !== partitioner.hash)
    problems.push({ message: `the collection hashes keys with ${partitioner.hash}, the new partitioner with ${to.hash}` });
  if (to.kind === "range" || partitioner.kind === "range")
    problems.push({ message: "ranges place by integer keys, which no other partitioner reads; ingest anew" });
  if (to.kind === "semantic") {
    const wrong = to.centroids.find((row) => row.length !== vector.size);
    if (wrong)
      problems.push({ message: `the model has ${wrong.length} dimensions; vectors of ${table.collection} have ${vector.size}` });
    const cells = to.centroids.length;
    for (const [name, list] of [["points", newCells] as const, ["heat", heat] as const])
      if (list && list.length !== cells) problems.push({ message: `${name} of ${list.length} cells, for a model of ${cells}` });
    if (
      partitioner.kind === "semantic" &&
      partitioner.modelId !== to.modelId &&
      positionFieldOf(partitioner) === positionFieldOf(to)
    )
      problems.push({ message: `both models would use the field ${positionFieldOf(to)}: one field a model` });
  }
  if (problems.length > 0) throw usageError(problems, { code: "partitioner-unfit" });
}

function requireQuiet({ table, unreachable }: TransitionRequest): void {
  const refuse = (message: string, code: string, hint: string) =>
    new RagctlError(message, { code, exitCode: ExitCode.refused, hint });
  if (table.transition)
    throw refuse(
      `A change of partitioner is half applied to ${table.collection}.`,
      "plan-in-flight",
      "Finish it with ragctl rebalance apply --resume, or undo it with ragctl rebalance reverse.",
    );
  const open = table.moves.find((move) => !move.repair);
  if (open)
    throw refuse(
      `Move ${open.id} is in the table of ${table.collection}.`,
      "plan-in-flight",
      "Finish that plan first: ragctl shard apply --resume.",
    );
  const ill = Object.entries(table.nodes).filter(
    ([id, { state }]) => state === "stale" || state === "leaving" || unreachable?.has(id),
  );
  if (ill.length > 0)
    throw refuse(
      `${ill.map(([id, { state }]) => `${id} ${unreachable?.has(id) ? "does not answer" : `is ${state}`}`).join(", ")}: all nodes must serve before the partitioner changes.`,
      "node-unfit",
      "ragctl shard repair brings stale nodes back; ragctl shard apply finishes what is under way.",
    );
}

type Weigh = (lo: number, hi: number) => number;

/** What of all points lies where, by both partitioners. */
interface Weights {
  newIn?: Weigh;
  oldIn?: Weigh;
  /** Copies that must be written for new positions of these owners: share of all points × copies. */
  copiedTo(owners: readonly string[], into: readonly Range[]): number;
  /** Of all copies after, [0, 1]. */
  copied: number;
  primaryChanged: number;
}

function weightsOf({ table, newCells, pairs }: TransitionRequest, before: Placement, after: Placement): Weights {
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

function partShare(placement: Placement, into: readonly Range[], weigh: Weigh | undefined): number {
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

/** One step for each set of owners that the new partitioner gives; of cells, the hottest first, or the largest. */
function groupsOf({ table, to, load, heat }: TransitionRequest, after: Placement, model: Weights): RegroupStep[] {
  const bySet = new Map<string, { owners: readonly string[]; ranges: Range[] }>();
  for (const { lo, hi, owners } of after.segments()) {
    const key = owners.toSorted().join(" ");
    const group = bySet.get(key) ?? { owners, ranges: [] };
    bySet.set(key, group);
    group.ranges = joinRanges(group.ranges, [[lo, hi]]);
  }
  const urgency = ({ ranges }: { ranges: readonly Range[] }) =>
    heat && to.kind === "semantic"
      ? ranges.reduce((total, [lo, hi]) => total + heat.slice(lo, hi).reduce((x, y) => x + y, 0), 0)
      : partShare(after, ranges, model.newIn);
  const ordered = [...bySet.values()].sort((a, b) => urgency(b) - urgency(a) || a.ranges[0]![0] - b.ranges[0]![0]);
  return ordered.map(({ owners, ranges }, index): RegroupStep => {
    const share = model.copiedTo(owners, ranges);
    return {
      id: `group-${index + 1}`,
      kind: "regroup",
      into: selectorOver(ranges, after.coordinate),
      owners: [...owners],
      copiesDuring: table.replicas,
      points: Math.round(share * load.points),
      bytes: Math.round(share * load.bytes),
    };
  });
}

/**
 * The plan that takes a change back which has not come to its end: what has moved goes home, and the old partitioner stays. Pure.
 */
export function backPlan(
  table: RoutingTable,
  about: { planId: string; createdAt: string; cluster: string; reverses: string; load: Amount; maxRate: MaxRate },
): Plan {
  const routing = createRouting(table);
  const transition = table.transition!;
  const after = placementOf({ ...table, partitioner: transition.to });
  const bySet = new Map<string, { owners: readonly string[]; ranges: Range[] }>();
  for (const { lo, hi, owners } of after.segments())
    for (const [from, to] of transition.moved) {
      const piece: Range = [Math.max(lo, from), Math.min(hi, to)];
      if (piece[0] >= piece[1]) continue;
      const key = owners.toSorted().join(" ");
      const group = bySet.get(key) ?? { owners, ranges: [] };
      bySet.set(key, group);
      group.ranges = joinRanges(group.ranges, [piece]);
    }
  const steps = [...bySet.values()].map(({ owners, ranges }, index): RegroupStep => {
    const into = selectorOver(ranges, after.coordinate);
    const share = partShare(after, ranges, undefined) * (groupTargets(routing, into, true).length > 0 ? table.replicas : 0);
    return {
      id: `back-${index + 1}`,
      kind: "regroup",
      into,
      owners: [...owners],
      back: true,
      copiesDuring: table.replicas,
      points: Math.round(share * about.load.points),
      bytes: Math.round(share * about.load.bytes),
    };
  });
  const price = sum(steps);
  const balance = balanceOf(loadsOf(routing.placement, about.load), weightOf(table));
  const moved = partShare(after, transition.moved, undefined);
  return {
    schemaVersion: 1,
    kind: "rebalance",
    planId: about.planId,
    createdAt: about.createdAt,
    cluster: about.cluster,
    topology: "routed",
    collection: table.collection,
    offline: false,
    fingerprint: fingerprintOfTable(table),
    steps: [...steps, { id: "settle", kind: "settle", layout: layoutOf(table) }],
    price: {
      ...price,
      movedFraction: moved,
      primaryChangedFraction: moved,
      minimumFraction: 0,
      estimatedSeconds: secondsAt(price, steps.length, about.maxRate),
    },
    before: balance,
    predicted: balance,
    reverses: about.reverses,
  };
}

function selectorOver(ranges: Range[], coordinate: Coordinate): Selector {
  if (coordinate !== "cell") return { kind: "ranges", ranges };
  return {
    kind: "cells",
    cells: selectorRanges({ kind: "ranges", ranges }).flatMap(([lo, hi]) => Array.from({ length: hi - lo }, (_, i) => lo + i)),
  };
}

function minimumFraction(before: Placement, after: Placement, model: Weights, replicas: number): number {
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

function sum(steps: readonly Amount[]): Amount {
  return steps.reduce((total, { points, bytes }) => ({ points: total.points + points, bytes: total.bytes + bytes }), {
    points: 0,
    bytes: 0,
  });
}
