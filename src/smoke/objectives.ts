import type { ObjectivesConfig } from "../config/schema.ts";
import type { ThresholdInput } from "../load/contract.ts";
import { isSupported } from "../load/recorder/quantiles.ts";
import { defaultThresholds, objectiveThresholds } from "../load/thresholds.ts";

/** Percentiles that may stand in for those that a few samples cannot tell, the highest first. */
const standIns = [0.99, 0.95, 0.9, 0.8, 0.75, 0.5];

interface SmokeObjectives {
  thresholds: ThresholdInput[];
  /** Latency objectives whose own percentile so few samples say nothing of, and the percentile that was judged instead: `p99`, `p80`. */
  unjudged: { objective: string; standIn: string }[];
}

/**
 * The cluster's objectives as a smoke can judge them. The p99 of fifty samples is their maximum: one pause of the machine would
 * fail it. So the limit of such a percentile is held against the highest one that has ten samples beyond it; where even that
 * is over the limit, the objective is surely missed. Errors are judged as they are: a smoke expects none.
 * @param samples how many queries there will be
 */
export function smokeObjectives(objectives: ObjectivesConfig, samples: number): SmokeObjectives {
  const { p50, p95, p99, errorRate } = objectives;
  const highest = standIns.find((q) => isSupported(q, samples)) ?? 0.5;
  const limits = new Map<number, number>();
  const unjudged: SmokeObjectives["unjudged"] = [];
  for (const [q, limitMs] of [
    [0.5, p50],
    [0.95, p95],
    [0.99, p99],
  ] as const) {
    if (limitMs === undefined) continue;
    const judged = Math.min(q, highest);
    if (judged !== q) unjudged.push({ objective: percentile(q), standIn: percentile(judged) });
    limits.set(judged, Math.min(limitMs, limits.get(judged) ?? Number.POSITIVE_INFINITY));
  }
  const latency = [...limits].map(([q, limitMs]): ThresholdInput => ({
    expression: `${percentile(q)}<${limitMs}ms`,
    source: "objective",
  }));
  const errors = objectiveThresholds(errorRate === undefined ? {} : { errorRate });
  return { thresholds: [...latency, ...(errors.length > 0 ? errors : defaultThresholds)], unjudged };
}

function percentile(q: number): string {
  return `p${q * 100}`;
}
