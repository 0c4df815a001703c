import type { CopyStep, Plan, ShardStep } from "../sharding/plan/contract.ts";
import type { PlanDraft } from "../sharding/plan/build.ts";
import type { MaxRate } from "../sharding/plan/price.ts";
import { describePartitioner } from "./describe.ts";
import type { ShardPlanResult } from "./result.ts";
import { plural } from "../units.ts";

type Move = ShardPlanResult["moves"][number];

export interface ResultExtras {
  limit: number;
  maxRate: MaxRate;
  notes: string[];
  file: string | null;
}

/** The answer of `shard plan`: the plan, and what a reader wants to know of it. */
export function planResult(plan: Plan, draft: Pick<PlanDraft, "part"> | undefined, extras: ResultExtras): ShardPlanResult {
  const { price, before, predicted, fingerprint } = plan;
  const settle = plan.steps.find((step) => step.kind === "settle");
  const was = new Map(fingerprint.members.map(({ id, weight }) => [id, weight]));
  const is = settle ? new Map(settle.layout.members.map((id) => [id, settle.layout.nodes[id]!.weight])) : was;
  const bearing = (balance: Plan["before"]) => balance.nodes.map(({ id }) => id);
  const [idsBefore, idsAfter] = settle ? [[...was.keys()], [...is.keys()]] : [bearing(before), bearing(predicted)];
  return {
    planId: plan.planId,
    createdAt: plan.createdAt,
    cluster: plan.cluster,
    topology: plan.topology,
    collection: plan.collection,
    offline: plan.offline,
    fingerprint: fingerprint.digest,
    placement:
      fingerprint.partitioner.kind === "native"
        ? `${plural(fingerprint.partitioner.shards.length, "shard")} of the store itself`
        : describePartitioner(settle?.layout.partitioner ?? fingerprint.partitioner),
    replicas: { before: fingerprint.replicas, after: settle?.layout.replicas ?? fingerprint.replicas },
    added: idsAfter.filter((id) => !idsBefore.includes(id)),
    removed: idsBefore.filter((id) => !idsAfter.includes(id)),
    changes: plan.steps.length > 0,
    balanced: {
      before: before.maxOverMean <= extras.limit,
      after: predicted.maxOverMean <= extras.limit,
      limit: extras.limit,
    },
    movedFraction: price.movedFraction,
    primaryChangedFraction: price.primaryChangedFraction,
    minimumFraction: price.minimumFraction,
    points: price.points,
    bytes: price.bytes,
    estimatedSeconds: price.estimatedSeconds,
    maxRate: extras.maxRate,
    before,
    after: predicted,
    moves: plan.steps.flatMap((step) => (step.kind === "copy" ? [copyMove(step)] : "shardId" in step ? [shardMove(step)] : [])),
    weights: Object.fromEntries(
      [...is].flatMap(([id, after]) => {
        const weight = was.get(id);
        return weight === undefined || weight === after ? [] : [[id, { before: weight, after }]];
      }),
    ),
    part: draft?.part ?? 1,
    notes: extras.notes,
    file: extras.file,
  };
}

function copyMove({ id, from, to, replaces, points, bytes, selector, copiesDuring }: CopyStep): Move {
  const kind = from === to ? "drop" : replaces === null ? "extend" : replaces === from ? "move" : "rebuild";
  return { id, kind, from, to, replaces, points, bytes, selector, copiesDuring };
}

function shardMove({ id, kind, shardId, from, to, points, bytes, copiesDuring }: ShardStep): Move {
  return {
    id,
    kind,
    from,
    to: to ?? from,
    replaces: kind === "replicate-shard" ? null : from,
    points,
    bytes,
    selector: { kind: "shard", shardId },
    copiesDuring,
  };
}
