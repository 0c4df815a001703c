import { ExitCode, RagctlError } from "../errors.ts";
import type { ClusterConfig } from "../config/schema.ts";
import { movement } from "../sharding/movement.ts";
import type { Routing } from "../sharding/owners.ts";
import type { Layout, Plan } from "../sharding/plan/contract.ts";
import { fingerprintOfTable } from "../sharding/plan/fingerprint.ts";
import { placementOfLayout } from "../sharding/plan/layout.ts";
import { giveUpPlan, planBeside } from "../sharding/plan/beside.ts";
import { defaultMaxRate } from "../sharding/plan/price.ts";
import { backPlan } from "../sharding/plan/back-plan.ts";
import { planTransition } from "../sharding/plan/transition.ts";
import { copySteps } from "../sharding/plan/steps.ts";
import type { Placement } from "../sharding/segments.ts";
import { unspillPlan } from "../sharding/plan/spill.ts";
import { isSpillPlan, settleOf, withCopiesAlone } from "./plan-state.ts";

/** Copies that a plan writes a second, where nothing better is known: for the estimate alone. */
const pointsPerSec = 2_000;
const secondsPerStep = 3;

/**
 * The plan that brings a table, as it is with all moves that have been cut over, back to the layout that another plan was made for: so it
 * undoes a plan that was applied, and one that was applied half. Pure.
 * @throws RagctlError exit 7 where the table is at neither end of the plan, or a node of before cannot be found any more
 */
export function reversePlan(
  plan: Plan,
  routing: Routing,
  about: { planId: string; createdAt: string; nodes: ClusterConfig["nodes"] },
): Plan {
  const { table } = routing;
  const refuse = (message: string, hint: string) =>
    new RagctlError(message, { code: "cannot-reverse", exitCode: ExitCode.refused, hint, details: { planId: plan.planId } });
  const now = fingerprintOfTable(table).digest;
  const settle = settleOf(plan);
  const ends = [plan.fingerprint.digest, ...(settle ? [fingerprintOfTable(settle.layout).digest] : [])];
  if (isSpillPlan(plan)) ends.push(withCopiesAlone(plan));
  if (!ends.includes(now))
    throw refuse(
      `Collection ${table.collection} has changed since plan ${plan.planId} was applied.`,
      "ragctl shard plan makes a plan to where you want it.",
    );
  if (isSpillPlan(plan)) return unspillPlan(plan, table, { planId: about.planId, createdAt: about.createdAt });
  if (plan.kind === "rebalance") return reverseChange(plan, routing, about);
  const layout = layoutBefore(plan, routing, about.nodes, refuse);
  const before = effectivePlacement(routing);
  const after = placementOfLayout(layout);
  const serves = (id: string) => ["serving", "leaving"].includes(table.nodes[id]?.state ?? "");
  const moves = movement(before, after, { serves });
  if (moves.lostShare > 0)
    throw refuse("Some of the points are on no node that can be read.", "ragctl shard repair brings stale nodes back.");
  const moved = settle ? plan.price : { points: 0, bytes: 0 };
  // As many points as the plan moved, where it moved all of its fraction.
  const perFraction = plan.price.movedFraction > 0 ? 1 / plan.price.movedFraction : 0;
  const points = Math.round((moved.points * perFraction) / after.replicas);
  const bytes = Math.round((moved.bytes * perFraction) / after.replicas);
  const steps = copySteps(moves, after, { points, bytes });
  const price = steps.reduce((sum, step) => ({ points: sum.points + step.points, bytes: sum.bytes + step.bytes }), {
    points: 0,
    bytes: 0,
  });
  const changed = steps.length > 0 || now !== fingerprintOfTable(layout).digest || table.moves.some((move) => !move.repair);
  const { movedFraction, primaryChangedFraction, minimumFraction } = moves;
  return {
    schemaVersion: 1,
    kind: "shard",
    planId: about.planId,
    createdAt: about.createdAt,
    cluster: plan.cluster,
    topology: "routed",
    collection: plan.collection,
    offline: false,
    fingerprint: fingerprintOfTable(table),
    steps: changed ? [...steps, { id: "settle", kind: "settle", layout }] : [],
    price: {
      ...price,
      movedFraction,
      primaryChangedFraction,
      minimumFraction,
      estimatedSeconds: Math.round(price.points / pointsPerSec + secondsPerStep * steps.length),
    },
    before: plan.predicted,
    predicted: plan.before,
    reverses: plan.planId,
  };
}

/** A change of partitioner that came to its end is undone by another; of one that did not, what has moved goes home. */
function reverseChange(plan: Plan, { table }: Routing, { planId, createdAt }: { planId: string; createdAt: string }): Plan {
  const { partitioner } = plan.fingerprint;
  if (partitioner.kind === "native") throw new TypeError("a native plan is reversed by the native planner");
  const { replicas } = table;
  const perFraction = plan.price.movedFraction > 0 ? 1 / (plan.price.movedFraction * replicas) : 0;
  const load = { points: Math.round(plan.price.points * perFraction), bytes: Math.round(plan.price.bytes * perFraction) };
  const about = { planId, createdAt, cluster: plan.cluster };
  if (table.beside?.state === "building") return giveUpPlan(table, { ...about, reverses: plan.planId, load });
  if (plan.steps.some(({ kind }) => kind === "build"))
    return { ...planBeside({ ...about, table, to: partitioner, load, maxRate: defaultMaxRate }), reverses: plan.planId };
  if (table.transition) return backPlan(table, { ...about, reverses: plan.planId, load, maxRate: defaultMaxRate });
  return { ...planTransition({ ...about, table, to: partitioner, load, maxRate: defaultMaxRate }), reverses: plan.planId };
}

/** Owners as they are now, cut-overs included, as a placement that can be compared with another. */
function effectivePlacement({ placement, segments, nodeIds }: Routing): Placement {
  const whole = new Map(segments.map(({ set }) => [set, 0]));
  for (const { lo, hi, set } of segments) whole.set(set, whole.get(set)! + hi - lo);
  return {
    ...placement,
    segments: () =>
      segments.map(({ lo, hi, set }) => ({
        lo,
        hi,
        owners: set.owners.map((index) => nodeIds[index]!),
        share: (set.share * (hi - lo)) / whole.get(set)!,
      })),
  };
}

function layoutBefore(
  { fingerprint }: Plan,
  { table }: Routing,
  nodes: ClusterConfig["nodes"],
  refuse: (message: string, hint: string) => RagctlError,
): Layout {
  const { partitioner, members, replicas, spill } = fingerprint;
  if (partitioner.kind === "native") throw new TypeError("a native plan is reversed by the native planner");
  const url = (id: string): string => {
    const found = table.nodes[id]?.url ?? nodes.find((node) => node.id === id)?.url;
    if (found !== undefined) return found;
    throw refuse(
      `Node ${id}, which the plan took away, is neither in the table nor in the config.`,
      "Add it to the config, with its URL.",
    );
  };
  return {
    ...(spill && { spill }),
    partitioner,
    replicas,
    members: members.map(({ id }) => id),
    nodes: Object.fromEntries(
      members.map(({ id, weight, zone }) => [id, { url: url(id), weight, ...(zone === undefined ? {} : { zone }) }]),
    ),
  };
}
