import { createRouting, placementOf } from "../owners.ts";
import { groupTargets } from "../partitioner-change.ts";
import type { RoutingTable } from "../table.ts";
import type { Amount, Plan } from "./contract.ts";
import { partShare } from "./joint-weights.ts";
import { layoutOfTable } from "./layout.ts";
import { balanceOf, loadsOf, weightIn } from "./loads.ts";
import { rebalanceHead } from "./plan-head.ts";
import { secondsAt, sumOf, type MaxRate } from "./price.ts";
import { groupsOf, regroupStep } from "./regroup-steps.ts";

/**
 * The plan that takes a change back which has not come to its end: what has moved goes home, and the old partitioner stays. Pure.
 */
export function backPlan(
  table: RoutingTable,
  request: { planId: string; createdAt: string; cluster: string; reverses: string; load: Amount; maxRate: MaxRate },
): Plan {
  const routing = createRouting(table);
  const transition = table.transition!;
  const after = placementOf({ ...table, partitioner: transition.to });
  const about = { coordinate: after.coordinate, replicas: table.replicas, load: request.load, back: true } as const;
  const steps = groupsOf(after, transition.moved).map((group, index) =>
    regroupStep(group, { ...about, id: `back-${index + 1}` }, (into) => {
      const copies = groupTargets(routing, into, true).length > 0 ? table.replicas : 0;
      return partShare(after, group.ranges, undefined) * copies;
    }),
  );
  const price = sumOf(steps);
  const balance = balanceOf(loadsOf(routing.placement, request.load), weightIn(table));
  const moved = partShare(after, transition.moved, undefined);
  return {
    ...rebalanceHead(request, table),
    steps: [...steps, { id: "settle", kind: "settle", layout: layoutOfTable(table) }],
    price: {
      ...price,
      movedFraction: moved,
      primaryChangedFraction: moved,
      minimumFraction: 0,
      estimatedSeconds: secondsAt(price, steps.length, request.maxRate),
    },
    before: balance,
    predicted: balance,
    reverses: request.reverses,
  };
}
