import { RagctlError, type Problem } from "../errors.ts";
import type { ObjectivesConfig } from "../config/schema.ts";
import { parseDurationMs, parseFraction } from "../units.ts";
import type { ThresholdInput } from "./contract.ts";
import type { Counts } from "./recorder/recorder.ts";
import type { LatencyHistogram } from "./recorder/histogram.ts";
import { rankOf } from "./recorder/quantiles.ts";

type Comparison = "<" | "<=" | ">" | ">=";

/**
 * What a threshold is about. Latency: the quantile `q` of the response time of all that was scheduled, where whatever was not ok
 * ranks as infinitely slow. `errors`: share of the scheduled that was not ok. `rate`: share of the scheduled that was answered.
 */
export type Threshold = ThresholdInput & { comparison: Comparison } & (
    | { metric: "latency"; q: number; limitUs: number }
    | { metric: "errors" | "rate"; limit: number }
  );

export interface ThresholdResult {
  expression: string;
  source: ThresholdInput["source"];
  ok: boolean;
  /** µs for latency, a fraction otherwise; null: infinitely slow. */
  actual: number | null;
  /** The same on service time, for latency. */
  actualServiceTime?: number | null;
  unit: "us" | "fraction";
  limit: number;
}

const expressionForm = /^([a-z]+[0-9.]*)\s*(<=|>=|<|>)\s*(\S+)$/;
const knownMetrics = "p50, p95, p99, p99.9 and the like, max, errors, rate";

/**
 * `p99<100ms`, `p99.9<250ms`, `max<1s`, `errors<0.1%`, `rate>99%`.
 * @throws Error, a plain sentence
 */
export function parseThreshold(input: ThresholdInput): Threshold {
  const match = expressionForm.exec(input.expression.trim());
  if (!match) throw new Error(`expected a threshold such as p99<100ms, errors<0.1% or rate>99%, got "${input.expression}"`);
  const [metric, comparison, limit] = [match[1]!, match[2] as Comparison, match[3]!];
  if (metric === "errors" || metric === "rate") {
    const expected = metric === "errors" ? "<" : ">";
    if (!comparison.startsWith(expected)) throw new Error(`${metric} takes ${expected}, got "${input.expression}"`);
    return { ...input, metric, comparison, limit: parseFraction(limit) };
  }
  const q = quantileOf(metric);
  if (q === undefined) throw new Error(`unknown metric "${metric}" in "${input.expression}": known are ${knownMetrics}`);
  if (!comparison.startsWith("<")) throw new Error(`${metric} takes <, got "${input.expression}"`);
  const limitUs = Math.round(parseDurationMs(limit) * 1000);
  if (limitUs <= 0) throw new Error(`expected a limit above zero, got "${input.expression}"`);
  return { ...input, metric: "latency", comparison, q, limitUs };
}

function quantileOf(metric: string): number | undefined {
  if (metric === "max") return 1;
  const match = /^p(\d{1,2}(?:\.\d+)?)$/.exec(metric);
  const percent = match ? Number(match[1]) : Number.NaN;
  // toPrecision undoes the division's rounding: 99.9 / 100 is 0.9990000000000001.
  return percent > 0 && percent < 100 ? Number((percent / 100).toPrecision(12)) : undefined;
}

/** Parses them all, and collects every mistake. */
export function parseThresholds(inputs: readonly ThresholdInput[]): { thresholds: Threshold[]; problems: Problem[] } {
  const thresholds: Threshold[] = [];
  const problems: Problem[] = [];
  for (const input of inputs)
    try {
      thresholds.push(parseThreshold(input));
    } catch (error) {
      if (error instanceof RagctlError) throw error;
      problems.push({ path: "--threshold", message: (error as Error).message });
    }
  return { thresholds, problems };
}

/** What a cluster's objectives say about latency and errors, as thresholds. */
export function objectiveThresholds(objectives: ObjectivesConfig): ThresholdInput[] {
  const { p50, p95, p99, errorRate } = objectives;
  const latency = Object.entries({ p50, p95, p99 }).flatMap(([name, ms]) => (ms === undefined ? [] : [`${name}<${ms}ms`]));
  const errors = errorRate === undefined ? [] : [`errors<${Number((errorRate * 100).toPrecision(12))}%`];
  return [...latency, ...errors].map((expression) => ({ expression, source: "objective" }));
}

/** Where neither the user nor the config says anything, a run that mostly fails must still not pass. */
export const defaultThresholds: ThresholdInput[] = [{ expression: "errors<1%", source: "default" }];

/** What was measured, as thresholds see it. */
export interface Measured {
  counts: Counts;
  response: LatencyHistogram;
  service: LatencyHistogram;
}

export function evaluateThreshold(threshold: Threshold, { counts, response, service }: Measured): ThresholdResult {
  const { expression, source, comparison } = threshold;
  if (threshold.metric === "latency") {
    const { q, limitUs } = threshold;
    const actual = rankedQuantile(response, q, counts.scheduled);
    return {
      expression,
      source,
      ok: compare(actual, comparison, limitUs),
      actual: finite(actual),
      actualServiceTime: finite(rankedQuantile(service, q, counts.scheduled)),
      unit: "us",
      limit: limitUs,
    };
  }
  const share = threshold.metric === "errors" ? counts.scheduled - counts.ok : counts.completed;
  const actual = counts.scheduled === 0 ? 0 : share / counts.scheduled;
  return {
    expression,
    source,
    ok: compare(actual, comparison, threshold.limit),
    actual,
    unit: "fraction",
    limit: threshold.limit,
  };
}

/** Whether a failed latency threshold would hold on service time, by the same ranking. */
export function holdsOnServiceTime(threshold: Threshold, result: ThresholdResult): boolean {
  const service = result.actualServiceTime;
  return (
    threshold.metric === "latency" && typeof service === "number" && compare(service, threshold.comparison, threshold.limitUs)
  );
}

/** The quantile among `population` operations of which only those in the histogram were ok; the others are infinitely slow. */
function rankedQuantile(ok: LatencyHistogram, q: number, population: number): number {
  if (population === 0) return Number.POSITIVE_INFINITY;
  const rank = rankOf(q, population);
  return rank <= ok.n ? ok.atRank(rank) : Number.POSITIVE_INFINITY;
}

function compare(actual: number, comparison: Comparison, limit: number): boolean {
  switch (comparison) {
    case "<":
      return actual < limit;
    case "<=":
      return actual <= limit;
    case ">":
      return actual > limit;
    default:
      return actual >= limit;
  }
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
