/**
 * What `ragctl rebalance plan | apply | verify | reverse` call. Plans of a change of partitioner are plans like all others (`kind` is
 * `rebalance`): they are read by `readPlan`, applied by `runApply`, verified by `runVerify` and reversed by `reversePlan`, all of `migration`.
 */
export type { ExpectedSearch, Plan } from "../sharding/plan/contract.ts";
export { planBeside } from "../sharding/plan/beside.ts";
export { planTransition } from "../sharding/plan/transition.ts";
export { planSpill } from "../sharding/plan/spill.ts";
export { semanticSpec, splitCell } from "../sharding/plan/semantic-spec.ts";
