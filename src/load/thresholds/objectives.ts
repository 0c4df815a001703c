import type { ObjectivesConfig } from "../../config/schema.ts";
import type { ThresholdInput } from "../contract.ts";

/** What a cluster's objectives say about latency and errors, as thresholds. */
export function objectiveThresholds(objectives: ObjectivesConfig): ThresholdInput[] {
  const { p50, p95, p99, errorRate } = objectives;
  const latency = Object.entries({ p50, p95, p99 }).flatMap(([name, ms]) => (ms === undefined ? [] : [`${name}<${ms}ms`]));
  const errors = errorRate === undefined ? [] : [`errors<${Number((errorRate * 100).toPrecision(12))}%`];
  return [...latency, ...errors].map((expression) => ({ expression, source: "objective" }));
}

/** What they say about recall, which takes ground truth to judge. */
export function recallObjective({ recallAt10 }: ObjectivesConfig): ThresholdInput[] {
  return recallAt10 === undefined ? [] : [{ expression: `recall@10>=${recallAt10}`, source: "objective" }];
}

/** Where neither the user nor the config says anything, a run that mostly fails must still not pass. */
export const defaultThresholds: ThresholdInput[] = [{ expression: "errors<1%", source: "default" }];
