import { copySteps } from "../../../src/sharding/plan/steps.ts";
import { fingerprintOfTable } from "../../../src/sharding/plan/fingerprint.ts";
import { placementOfLayout } from "../../../src/sharding/plan/layout.ts";
import type { Layout, Plan } from "../../../src/sharding/plan/contract.ts";
import { movement, type RoutingTable } from "../../../src/sharding/index.ts";

/** The layout that a table has, or would have with other members. */
export function layoutOfTable(
  table: RoutingTable,
  members: readonly string[] = table.members,
  replicas = table.replicas,
): Layout {
  return {
    partitioner: table.partitioner,
    replicas,
    members: [...members],
    nodes: Object.fromEntries(
      members.map((id) => {
        const { url, weight, zone } = table.nodes[id]!;
        return [id, { url, weight, ...(zone === undefined ? {} : { zone }) }];
      }),
    ),
  };
}

/** A plan from a table to a layout, as the planner makes them. */
export function planTo(
  table: RoutingTable,
  layout: Layout,
  options: { planId?: string; cluster?: string; unreadable?: string[] } = {},
): Plan {
  const before = placementOfLayout(layoutOfTable(table));
  const after = placementOfLayout(layout);
  const moves = movement(before, after, { serves: (id) => !(options.unreadable ?? []).includes(id) });
  const steps = copySteps(moves, after, { points: 1000, bytes: 1_000_000 });
  const nothing = { nodes: [], maxOverMean: 1, deviation: 0 };
  return {
    schemaVersion: 1,
    kind: "shard",
    planId: options.planId ?? "plan-test",
    createdAt: "2026-01-01T00:00:00.000Z",
    cluster: options.cluster ?? "sim",
    topology: "routed",
    collection: table.collection,
    offline: false,
    fingerprint: fingerprintOfTable(table),
    steps: [...steps, { id: "settle", kind: "settle", layout }],
    price: { points: 0, bytes: 0, movedFraction: 0, primaryChangedFraction: 0, minimumFraction: 0, estimatedSeconds: 0 },
    before: nothing,
    predicted: nothing,
  };
}
