import { describePartitioner } from "../../planning/describe.ts";
import type { Plan, RekeyStep } from "../../sharding/plan/contract.ts";
import type { RebalancePlanResult } from "./result.ts";

/** What a reader wants to know of a plan. */
export function rebalancePlanResult(plan: Plan, { notes, file }: { notes: string[]; file: string | null }): RebalancePlanResult {
  const { price, before, predicted, fingerprint, expected, steps } = plan;
  const settle = steps.find((step) => step.kind === "settle");
  const layout = settle?.layout.partitioner;
  const rekey = steps.find((step) => step.kind === "rekey");
  const to = rekey && layout?.kind === "semantic" ? { ...layout, owners: rekey.keys.map(({ on }) => on) } : layout;
  const describe = (partitioner: typeof fingerprint.partitioner) =>
    partitioner.kind === "native" || (plan.topology === "native" && partitioner.kind !== "semantic")
      ? "shards of the store itself"
      : describePartitioner(partitioner);
  const balance = ({ nodes, maxOverMean }: Plan["before"]) => ({
    nodes: nodes.map(({ id, share, points, bytes }) => ({ id, share, points, bytes })),
    maxOverMean,
  });
  return {
    planId: plan.planId,
    createdAt: plan.createdAt,
    cluster: plan.cluster,
    collection: plan.collection,
    fingerprint: fingerprint.digest,
    from: describe(fingerprint.partitioner),
    to: describe(to ?? fingerprint.partitioner),
    probes: (to?.kind === "semantic" ? to.probes : undefined) ?? null,
    changes: steps.length > 0,
    beside: steps.find((step) => step.kind === "build" || step.kind === "rekey")?.physical ?? null,
    backfill: steps.reduce((sum, step) => sum + (step.kind === "backfill" ? step.points : 0), 0),
    groups: steps.flatMap((step) =>
      step.kind === "rekey"
        ? groupsOfKeys(step)
        : step.kind === "regroup"
          ? [
              {
                id: step.id,
                cells: step.into.kind === "cells" ? step.into.cells : null,
                owners: step.owners,
                points: step.points,
                bytes: step.bytes,
              },
            ]
          : [],
    ),
    copies: copiesOf(plan),
    points: price.points,
    bytes: price.bytes,
    movedFraction: price.movedFraction,
    minimumFraction: price.minimumFraction,
    estimatedSeconds: price.estimatedSeconds,
    before: balance(before),
    after: balance(predicted),
    expected: expected ? { ...expected, heatMaxOverMean: expected.heatMaxOverMean ?? null } : null,
    reverses: plan.reverses ?? null,
    notes,
    file,
  };
}

/** Each cell's shards; without cells, all of it in one. */
function groupsOfKeys({ keys, physical, points, bytes }: RekeyStep): RebalancePlanResult["groups"] {
  if (keys.length === 0) return [{ id: physical, cells: null, owners: [], points, bytes }];
  return keys.map((each, cell) => ({ id: each.key, cells: [cell], owners: each.on, points: each.points, bytes: each.bytes }));
}

function copiesOf({ steps, before, predicted, fingerprint }: Plan): RebalancePlanResult["copies"] {
  const made = steps.find((step) => step.kind === "spill-copy");
  const step = made ?? steps.find((one) => one.kind === "spill-end");
  if (!step) return null;
  const alone = (made ? before : predicted).nodes.reduce((sum, { points }) => sum + points, 0);
  const { points, bytes } = step;
  const stamped = steps.find((one) => one.kind === "spill-stamp");
  return {
    keep: made !== undefined,
    ratio: stamped?.ratio ?? fingerprint.spill?.ratio ?? null,
    share: alone > 0 ? points / alone : 0,
    points,
    bytes,
  };
}
