import { ExitCode, RagctlError } from "../../errors.ts";
import { formatBytes, formatCount } from "../../units.ts";
import { layoutName, type RoutingTable } from "../table.ts";
import type { Capacity } from "./balance.ts";
import type { Amount, Balance, Plan } from "./contract.ts";
import { layoutOfTable } from "./layout.ts";
import { balanceOf, loadsOf, weightIn } from "./loads.ts";
import { placementOf } from "../owners.ts";
import { rebalanceHead } from "./plan-head.ts";
import { secondsAt } from "./price.ts";
import { planTransition } from "./transition.ts";
import type { TransitionRequest } from "./transition-request.ts";

export interface BesideRequest extends TransitionRequest {
  /** What each node can take at most, where that is known. */
  capacities?: ReadonlyMap<string, Capacity>;
}

/**
 * The plan of the same change by a second layout: everything is copied to a new collection on the same nodes, beside the one that serves, and
 * the table is switched once. Every copy is written anew, and until the old collection is dropped the nodes hold both.
 * `loadHashes()` must have been awaited.
 * @returns without steps where the table has that partitioner already
 * @throws RagctlError as `planTransition`; exit 7 also where a node has no room for both
 */
export function planBeside(request: BesideRequest): Plan {
  const { table, to, load, maxRate, capacities = new Map<string, Capacity>() } = request;
  const plan = planTransition(request);
  const settle = plan.steps.find((step) => step.kind === "settle");
  if (!settle) return plan;
  requireRoom(plan, capacities);
  const copies: Amount = { points: Math.round(load.points * table.replicas), bytes: Math.round(load.bytes * table.replicas) };
  const physical = layoutName(table.collection, request.planId);
  return {
    ...plan,
    steps: [
      { id: "build", kind: "build", physical, partitioner: to, copiesDuring: table.replicas, ...copies },
      { id: "drop", kind: "drop-layout" },
      settle,
    ],
    price: { ...plan.price, ...copies, movedFraction: 1, estimatedSeconds: secondsAt(copies, 2, maxRate) },
  };
}

/** The plan that gives up a layout which was not switched to: nothing of what serves changes. Pure. */
export function giveUpPlan(
  table: RoutingTable,
  { reverses, load, ...about }: { planId: string; createdAt: string; cluster: string; reverses: string; load: Amount },
): Plan {
  const balance = balanceOf(loadsOf(placementOf(table), load), weightIn(table));
  return {
    ...rebalanceHead(about, table),
    steps: [
      { id: "drop", kind: "drop-layout" },
      { id: "settle", kind: "settle", layout: layoutOfTable(table) },
    ],
    price: { points: 0, bytes: 0, movedFraction: 0, primaryChangedFraction: 0, minimumFraction: 0, estimatedSeconds: 10 },
    before: balance,
    predicted: balance,
    reverses,
  };
}

/** Both layouts must fit on every node at once. */
function requireRoom({ before, predicted }: { before: Balance; predicted: Balance }, capacities: ReadonlyMap<string, Capacity>) {
  const held = new Map(before.nodes.map((node) => [node.id, node]));
  const full = predicted.nodes.flatMap(({ id, points, bytes }) => {
    const most = capacities.get(id) ?? {};
    const now = held.get(id) ?? { points: 0, bytes: 0 };
    const tooMany = most.points !== undefined && now.points + points > most.points;
    const tooMuch = most.bytes !== undefined && now.bytes + bytes > most.bytes;
    if (tooMuch) return [`${id} would hold ${formatBytes(now.bytes + bytes)} of at most ${formatBytes(most.bytes!)}`];
    return tooMany ? [`${id} would hold ${formatCount(now.points + points)} points of at most ${formatCount(most.points!)}`] : [];
  });
  if (full.length === 0) return;
  throw new RagctlError(`There is no room for a second layout beside the one that serves: ${full.join("; ")}.`, {
    code: "no-room",
    exitCode: ExitCode.refused,
    hint: "Leave --blue-green out: in place, a node needs room only for what moves to it; or add nodes first.",
  });
}
