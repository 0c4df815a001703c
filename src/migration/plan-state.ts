import { fingerprintOf, fingerprintOfTable } from "../sharding/plan/fingerprint.ts";
import type { Plan, SettleStep } from "../sharding/plan/contract.ts";
import { samePartitioner } from "../sharding/partitioner-change.ts";
import type { Move, RoutingTable } from "../sharding/table.ts";
import { plural } from "../units.ts";
import { planRefused, refuseOffline } from "./refuse-plan.ts";

/** The moves of a plan in a table are named after it. */
function moveIdOf(planId: string, stepId: string): string {
  return `${planId}/${stepId}`;
}

export function isOfPlan(move: Pick<Move, "id">, planId: string): boolean {
  return move.id.startsWith(`${planId}/`);
}

/** An id for a move of a step: never one that was used before, in this table or an earlier one, since its log would speak of other points. */
export function newMoveId(planId: string, stepId: string, { moves, epoch }: Pick<RoutingTable, "moves" | "epoch">): string {
  const base = moveIdOf(planId, stepId);
  const taken = new Set(moves.map(({ id }) => id));
  for (let n = 1; ; n++) if (!taken.has(`${base}~${epoch}.${n}`)) return `${base}~${epoch}.${n}`;
}

function planOfMove({ id }: Pick<Move, "id">): string {
  return id.slice(0, id.indexOf("/"));
}

/** Moves that a verification uses to hold writes to a few points; nobody's plan. */
export function isHold(move: Pick<Move, "id">): boolean {
  return move.id.startsWith("verify/");
}

/** `id~epoch.n`: several where there is more than one source, another epoch where they had to be chosen again. */
export function isOfStep(move: Pick<Move, "id">, planId: string, stepId: string): boolean {
  return move.id.startsWith(`${moveIdOf(planId, stepId)}~`);
}

/** Whether a plan begins or ends copies near boundaries. */
export function isSpillPlan({ steps }: Pick<Plan, "steps">): boolean {
  return steps.some(({ kind }) => kind === "spill-stamp" || kind === "spill-end");
}

/** The digest of a table whose copies are as such a plan wants them, and nothing else of it yet. */
export function withCopiesAlone(plan: Plan): string {
  return fingerprintOf({ ...plan.fingerprint, spill: settleOf(plan)?.layout.spill }).digest;
}

export function isSpillEnd({ steps }: Pick<Plan, "steps">): boolean {
  return steps.some(({ kind }) => kind === "spill-end");
}

export function settleOf(plan: Plan): SettleStep | undefined {
  return plan.steps.find((step) => step.kind === "settle");
}

/** Where a plan stands, by the table alone: `fresh` never began, `begun` left moves, `finished` has nothing left to do. */
export type PlanState = "fresh" | "begun" | "finished";

/**
 * Whether a plan may run on this table. Pure.
 * @throws RagctlError exit 7: for another cluster or collection, made offline, stale, applied already, or in the way of another plan
 */
export function planStateOf(plan: Plan, table: RoutingTable, clusterName: string): PlanState {
  const refuse = (message: string, code: string, hint: string) => planRefused(plan, message, code, hint);
  refuseOffline(plan);
  if (plan.cluster !== clusterName || plan.collection !== table.collection)
    throw refuse(
      `Plan ${plan.planId} is for collection ${plan.collection} of cluster ${plan.cluster}; this is ${table.collection} of ${clusterName}.`,
      "plan-other-cluster",
      `--cluster ${plan.cluster} chooses the other one.`,
    );
  const moves = table.moves.filter((move) => !move.repair && !isHold(move));
  const foreign = moves.find((move) => !isOfPlan(move, plan.planId) && planOfMove(move) !== plan.reverses);
  if (foreign)
    throw refuse(
      `Plan ${planOfMove(foreign)} is half applied to ${table.collection}.`,
      "plan-in-flight",
      "Finish it with ragctl shard apply --resume, or undo it with --abort and ragctl shard reverse; then plan again.",
    );
  const now = fingerprintOfTable(table).digest;
  const settle = settleOf(plan);
  const { transition, spill, beside } = table;
  if (beside) {
    if (beside.planId === plan.planId) return "begun";
    if (beside.planId === plan.reverses && now === plan.fingerprint.digest) return "fresh";
    throw refuse(
      `Plan ${beside.planId}, which builds a layout of ${table.collection} beside the one that serves, is half applied.`,
      "plan-in-flight",
      "Finish it with ragctl rebalance apply --resume, or undo it with --abort or ragctl rebalance reverse; then plan again.",
    );
  }
  if (spill && spill.phase !== "on") {
    const begins = plan.steps.some((step) => step.kind === "spill-stamp" && step.ratio === spill.ratio);
    const ends = isSpillEnd(plan);
    // What an abort has left half taken away is the plan's own, too: --abort goes on with that, and --resume makes them anew.
    const forward = begins || (ends && spill.phase === "ending");
    if (!forward && !(plan.reverses !== undefined && (begins || ends)))
      throw refuse(
        `Copies near boundaries of ${table.collection} are half ${spill.phase === "ending" ? "taken away" : "made"}.`,
        "plan-in-flight",
        "Finish that plan with ragctl rebalance apply --resume, or undo it with ragctl rebalance reverse; then plan again.",
      );
    return forward ? "begun" : "fresh";
  }
  if (transition) {
    const ends = settle ? [settle.layout.partitioner] : [];
    const forward = ends.some((end) => samePartitioner(end, transition.to));
    const back = plan.reverses !== undefined && ends.some((end) => samePartitioner(end, table.partitioner));
    if (plan.kind !== "rebalance" || !(forward || back) || now !== plan.fingerprint.digest)
      throw refuse(
        `A change of partitioner is half applied to ${table.collection}.`,
        "plan-in-flight",
        "Finish it with ragctl rebalance apply --resume, or undo it with ragctl rebalance reverse; then plan again.",
      );
    return forward || moves.some((move) => isOfPlan(move, plan.planId)) ? "begun" : "fresh";
  }
  if (moves.some((move) => isOfPlan(move, plan.planId))) return "begun";
  const after = settle ? fingerprintOfTable(settle.layout).digest : plan.fingerprint.digest;
  if (moves.length > 0 && now === plan.fingerprint.digest) return "fresh";
  if (now === after) return "finished";
  // Copies near boundaries are as they are to be, and the number of cells that searches ask is not.
  if (isSpillPlan(plan) && now === withCopiesAlone(plan)) return "begun";
  if (now === plan.fingerprint.digest) return "fresh";
  throw refuse(
    `Plan ${plan.planId} is stale: ${difference(plan, table)}.`,
    "plan-stale",
    "ragctl shard plan makes a new one for the cluster as it is.",
  );
}

function difference(plan: Plan, table: RoutingTable): string {
  const planned = plan.fingerprint.members.map(({ id }) => id);
  const here = table.members;
  const come = here.filter((id) => !planned.includes(id));
  const gone = planned.filter((id) => !here.includes(id));
  const parts = [
    ...(come.length > 0 ? [`${come.join(", ")} came since it was made`] : []),
    ...(gone.length > 0 ? [`${gone.join(", ")} went since it was made`] : []),
    ...(plan.fingerprint.replicas === table.replicas
      ? []
      : [`it was made for ${plural(plan.fingerprint.replicas, "replica")}, and there are ${table.replicas}`]),
  ];
  return parts.length > 0 ? parts.join("; ") : "members, weights, zones or partitioner have changed since it was made";
}
