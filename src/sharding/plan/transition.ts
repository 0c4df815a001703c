import { placementOf } from "../owners.ts";
import { sameCells, samePartitioner } from "../partitioner-change.ts";
import { inRanges } from "../ranges.ts";
import type { Placement } from "../segments.ts";
import { positionFieldOf } from "../table.ts";
import type { BackfillStep, Layout, Plan, PlanStep, RegroupStep } from "./contract.ts";
import { jointWeights, minimumFraction, partShare, type JointWeights } from "./joint-weights.ts";
import { layoutOfTable } from "./layout.ts";
import { balanceOf, loadsOf, weightIn } from "./loads.ts";
import { rebalanceHead } from "./plan-head.ts";
import { secondsAt, sumOf } from "./price.ts";
import { groupsOf, regroupStep, type Group } from "./regroup-steps.ts";
import { requireFit, requireNoCopies, requireQuiet, type TransitionRequest } from "./transition-request.ts";

/** Points that a backfill stamps a second, for the estimate alone. */
const stampedPerSec = 10_000;

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
  const layout: Layout = { ...layoutOfTable(table), partitioner: to };
  // Other owners of the same cells are for plain moves: ragctl shard plan.
  const same = samePartitioner(table.partitioner, to) || sameCells(table.partitioner, to);
  if (!same) requireNoCopies(table);
  const after = same ? before : placementOf({ ...table, partitioner: to });
  const model = jointWeights(request, before, after);
  const groups = same ? [] : regroupSteps(request, after, model);
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
  const price = sumOf(groups);
  return {
    ...rebalanceHead(request, table),
    steps: same ? [] : steps,
    price: {
      ...price,
      movedFraction: same ? 0 : model.copied,
      primaryChangedFraction: same ? 0 : model.primaryChanged,
      minimumFraction: same ? 0 : minimumFraction(before, after, model, table.replicas),
      estimatedSeconds: same ? 0 : secondsAt(price, groups.length, request.maxRate) + Math.round(load.points / stampedPerSec),
    },
    before: balanceOf(loadsOf(before, { ...load, ...(model.oldIn && { pointsIn: model.oldIn }) }), weightIn(table)),
    predicted: balanceOf(loadsOf(after, { ...load, ...(model.newIn && { pointsIn: model.newIn }) }), weightIn(table)),
    ...(request.expected && { expected: request.expected }),
  };
}

/**
 * One step for each set of owners that the new partitioner gives. From one model to another, first the groups of whose moving points the largest part is
 * near a boundary; then, and of other cells, the hottest first, or the largest.
 */
function regroupSteps(request: TransitionRequest, after: Placement, model: JointWeights): RegroupStep[] {
  const { table, to, load, heat } = request;
  const urgency = ({ ranges }: Group) =>
    heat && to.kind === "semantic"
      ? ranges.reduce((total, [lo, hi]) => total + heat.slice(lo, hi).reduce((x, y) => x + y, 0), 0)
      : partShare(after, ranges, model.newIn);
  const near = nearness(request, placementOf(table));
  const ordered = groupsOf(after).sort(
    (a, b) => near(b) - near(a) || urgency(b) - urgency(a) || a.ranges[0]![0] - b.ranges[0]![0],
  );
  const about = { coordinate: after.coordinate, replicas: table.replicas, load };
  return ordered.map((group, index) =>
    regroupStep(group, { ...about, id: `group-${index + 1}` }, () => model.copiedTo(group.owners, group.ranges)),
  );
}

/** Of a group's points that change nodes, the part that is near a boundary; 0 where nothing is known of that. */
function nearness({ pairs = [] }: TransitionRequest, before: Placement): (group: Group) => number {
  return ({ owners, ranges }) => {
    let moving = 0;
    let close = 0;
    for (const { from, to, points, near = 0 } of pairs) {
      if (!inRanges(ranges, to)) continue;
      const was = before.ownersOfHash(from);
      if (owners.every((id) => was.includes(id))) continue;
      moving += points;
      close += near;
    }
    return moving > 0 ? close / moving : 0;
  };
}
