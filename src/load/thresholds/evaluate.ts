import type { ThresholdInput } from "../contract.ts";
import { estimateRecall } from "../recall/accumulate.ts";
import type { LatencyHistogram } from "../recorder/histogram.ts";
import { rankOf } from "../recorder/quantiles.ts";
import type { Tally } from "../recorder/tally.ts";
import type { Comparison, Threshold } from "./parse.ts";

export interface ThresholdResult {
  expression: string;
  source: ThresholdInput["source"];
  ok: boolean;
  /** µs for times, a fraction otherwise; null: infinitely slow, or never measured (see `n`). */
  actual: number | null;
  /** The same on service time, for latency. */
  actualServiceTime?: number | null;
  unit: "us" | "fraction";
  limit: number;
  /** What was ranked or averaged: operations, or measurements. 0 fails: what was not measured is not kept. */
  n: number;
  /** Of the mean recall: with 95 % confidence it lies between. */
  interval?: { low: number; high: number };
  /** Over windows: their length, how many there were and failed, and when the worst began. */
  windows?: { lengthMs: number; count: number; failed: number; worstAtMs: number };
}

/** What was measured, as thresholds see it. */
export type Measured = Pick<Tally, "counts" | "response" | "service" | "times" | "ratios">;

export function evaluateThreshold(threshold: Threshold, measured: Measured): ThresholdResult {
  const { title: expression, source, comparison } = threshold;
  const { counts } = measured;
  switch (threshold.metric) {
    case "latency": {
      const { q, limitUs } = threshold;
      const actual = rankedQuantile(measured.response, q, counts.scheduled);
      const actualServiceTime = finite(rankedQuantile(measured.service, q, counts.scheduled));
      const ok = compare(actual, comparison, limitUs);
      return {
        expression,
        source,
        ok,
        actual: finite(actual),
        actualServiceTime,
        unit: "us",
        limit: limitUs,
        n: counts.scheduled,
      };
    }
    case "time": {
      const { q, limitUs, measure } = threshold;
      const found = measured.times.get(measure);
      const actual = found ? rankedQuantile(found.times, q, found.n) : Number.POSITIVE_INFINITY;
      const ok = compare(actual, comparison, limitUs);
      return { expression, source, ok, actual: finite(actual), unit: "us", limit: limitUs, n: found?.n ?? 0 };
    }
    case "recall": {
      const { k, limit } = threshold;
      const tally = k === undefined ? [...measured.ratios.values()][0] : measured.ratios.get(`recall@${k}`);
      const estimate = tally && estimateRecall(tally);
      return {
        expression,
        source,
        ok: estimate !== undefined && compare(estimate.mean, comparison, limit),
        actual: estimate?.mean ?? null,
        unit: "fraction",
        limit,
        n: estimate?.n ?? 0,
        ...(estimate && { interval: { low: estimate.low, high: estimate.high } }),
      };
    }
    default: {
      const { limit } = threshold;
      const share = threshold.metric === "errors" ? counts.scheduled - counts.ok : counts.completed;
      const actual = counts.scheduled === 0 ? 0 : share / counts.scheduled;
      const ok = compare(actual, comparison, limit);
      return { expression, source, ok, actual, unit: "fraction", limit, n: counts.scheduled };
    }
  }
}

/** Whether a failed latency threshold would hold on service time, by the same ranking. */
export function holdsOnServiceTime(threshold: Threshold, result: ThresholdResult): boolean {
  const service = result.actualServiceTime;
  return (
    threshold.metric === "latency" && typeof service === "number" && compare(service, threshold.comparison, threshold.limitUs)
  );
}

/** Which of two results of one threshold is the worse: the failed one, then the one nearer to failing. */
export function worseOf(a: ThresholdResult, b: ThresholdResult, { comparison }: Threshold): ThresholdResult {
  if (a.ok !== b.ok) return a.ok ? b : a;
  const badness = ({ actual, unit }: ThresholdResult) => {
    const value = actual ?? (unit === "us" ? Number.POSITIVE_INFINITY : 0);
    return comparison.startsWith("<") ? value : -value;
  };
  return badness(b) > badness(a) ? b : a;
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
