import type { Plan } from "../sharding/plan/contract.ts";
import type { ShardApplyResult } from "./result.ts";

/** What is said of applying a plan before anything is done; the rest is filled in on the way. @param notes the list that goes on growing */
export function begunResult(plan: Plan, topology: ShardApplyResult["topology"], notes: string[]): ShardApplyResult {
  return {
    planId: plan.planId,
    cluster: plan.cluster,
    collection: plan.collection,
    topology,
    state: "finished",
    steps: { total: plan.steps.length, done: 0 },
    points: 0,
    bytes: 0,
    epoch: null,
    resumed: false,
    elapsedMs: 0,
    notes,
  };
}
