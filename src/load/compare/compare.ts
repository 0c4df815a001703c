import { seededRng } from "../../runtime.ts";
import { incomparable } from "./comparable.ts";
import { weightedHolm } from "./holm.ts";
import { limitOf, type MaxRegression } from "./limits.ts";
import { type Metric, metrics } from "./metrics.ts";
import type { CompareResult, MetricComparison } from "./result.ts";
import type { RunSeries } from "./series.ts";
import { type WindowTable, windowTable } from "./table.ts";
import { twoSampleTest, type TwoSampleTest } from "./two-sample.ts";

export interface CompareOptions {
  maxRegression?: MaxRegression;
  /** Of calling any metric different when the runs are the same. */
  alpha?: number;
  /** Of the resampling; the same seed gives the same figures. */
  seed?: number;
}

/**
 * Compares run B with run A (the base). A metric is `worse` or `better` when it differs with significance, at a family-wise error of `alpha` over
 * all metrics (weighted Holm), and by at least the metric's floor. Overall: `worse` when any metric is, else `better` when any is.
 *
 * A *regression* is a metric that is worse and, where `maxRegression` names a limit for it, by more than the limit as measured. A limit on a metric that
 * these runs cannot support makes the comparison `not comparable`: silence must not pass for a kept promise.
 */
export function compareRuns(a: RunSeries, b: RunSeries, options: CompareOptions = {}): CompareResult {
  const { maxRegression = {}, alpha = 0.05, seed = 1 } = options;
  const table = windowTable(a, b);
  const reasons = incomparable(a, b);
  const judged = reasons.length > 0 ? metrics.map((metric) => withheld(metric, table)) : judge(table, alpha, seed, maxRegression);
  for (const { metric, verdict, reason } of judged)
    if (reasons.length === 0 && verdict === "not comparable" && maxRegression[metric] !== undefined)
      reasons.push(`--max-regression names ${metric}, which cannot be judged: ${reason}`);
  const regression = judged.some((metric) => metric.regression);
  return {
    verdict: overall(judged, reasons.length > 0 && !regression),
    regression,
    reasons,
    a: describe(a),
    b: describe(b),
    metrics: judged,
    method: {
      alpha,
      correction: "weighted Holm over the metrics tested",
      interval:
        "circular block bootstrap over windows, Student's t over the blocks, widened to agree with a block permutation test",
      seed,
    },
  };
}

function judge(table: WindowTable, alpha: number, seed: number, limits: MaxRegression): MetricComparison[] {
  const rng = seededRng(seed);
  const tests = metrics.map((metric) => testOf(metric, table, rng));
  const tested = tests.flatMap((test, index) => (test ? [{ index, pValue: test.pValue, weight: metrics[index]!.weight }] : []));
  const steps = weightedHolm(tested, alpha);
  const judged = metrics.map((metric) => unjudged(metric, table));
  for (const [at, { index }] of tested.entries()) {
    const { rejected, level } = steps[at]!;
    judged[index] = judgement(metrics[index]!, table, tests[index]!, rejected, level, limitOf(limits, metrics[index]!.name));
  }
  return judged;
}

/** Undefined where the metric is unsupported, or equal in both runs with nothing to vary: it can never be rejected, and costs the others nothing (Tarone 1990). */
function testOf(metric: Metric, table: WindowTable, rng: () => number): TwoSampleTest | undefined {
  const runs = weightsOf(table);
  if (metric.unsupported?.(table, runs)) return undefined;
  const [a, b] = runs.map((weights) => metric.value(table, weights)) as [number, number];
  if (Number.isNaN(a) || Number.isNaN(b) || (a === b && (metric.unit === "fraction" || !Number.isFinite(a)))) return undefined;
  // Operations that never succeeded rank above all others; the tests need a number for them that is, too.
  const beyond = 10 * Math.max(1, table.valuesUs.at(-1) ?? 1);
  const scale =
    metric.effect === "ratio" ? (value: number) => Math.log(Math.min(beyond, Math.max(value, 1e-9))) : (value: number) => value;
  // A resample may hold no query with known truth at all; the whole series' figure is then the best guess.
  const whole = metric.value(table, new Float64Array(table.windows).fill(1));
  return twoSampleTest({
    windows: table.windows,
    split: table.split,
    statistic: (weights) => {
      const value = metric.value(table, weights);
      return scale(Number.isNaN(value) ? whole : value);
    },
    contribution: metric.contributions(table),
    rng,
  });
}

function judgement(
  metric: Metric,
  table: WindowTable,
  test: TwoSampleTest,
  rejected: boolean,
  level: number,
  limit: number | undefined,
): MetricComparison {
  const base = unjudged(metric, table);
  const half = test.halfWidth(1 - level);
  const of = metric.effect === "ratio" ? Math.exp : (x: number) => x;
  const size = metric.effect === "ratio" ? Math.abs(of(test.effect) - 1) : Math.abs(test.effect);
  const differs = rejected && size >= metric.floor;
  const verdict = !differs ? "no difference" : test.effect > 0 === (metric.more === "worse") ? "worse" : "better";
  const unbounded = base.a === null || base.b === null;
  const { reason: _, ...figures } = base;
  return {
    ...figures,
    effect: {
      kind: metric.effect,
      value: unbounded ? null : of(test.effect),
      low: base.a === null ? null : of(test.effect - half),
      high: base.b === null ? null : of(test.effect + half),
      confidence: 1 - level,
    },
    pValue: test.pValue,
    blockLength: test.blockLength,
    verdict,
    ...(limit === undefined ? {} : { maxRegression: limit }),
    regression: verdict === "worse" && (limit === undefined || unbounded || size > limit),
  };
}

/** A metric's figures without a test. */
function unjudged(metric: Metric, table: WindowTable): MetricComparison {
  const runs = weightsOf(table);
  const [a, b] = runs.map((weights) => metric.value(table, weights)) as [number, number];
  const unsupported = metric.unsupported?.(table, runs);
  const equal = a === b && Number.isFinite(a);
  const reason = unsupported ?? (equal ? "the same in both runs" : "not measured, or never reached, in both runs");
  return {
    metric: metric.name,
    unit: metric.unit,
    a: Number.isFinite(a) ? a : null,
    b: Number.isFinite(b) ? b : null,
    effect: null,
    pValue: null,
    blockLength: null,
    verdict: equal && !unsupported ? "no difference" : "not comparable",
    reason,
    regression: false,
  };
}

/** A metric's figures where the runs must not be compared at all. */
function withheld(metric: Metric, table: WindowTable): MetricComparison {
  const { reason: _, ...figures } = unjudged(metric, table);
  return { ...figures, verdict: "not comparable" };
}

function weightsOf(table: WindowTable): [Float64Array, Float64Array] {
  const a = new Float64Array(table.windows).fill(1, 0, table.split);
  return [a, a.map((weight) => 1 - weight)];
}

function overall(judged: readonly MetricComparison[], incomparable: boolean): CompareResult["verdict"] {
  if (incomparable) return "not comparable";
  for (const verdict of ["worse", "better"] as const) if (judged.some((metric) => metric.verdict === verdict)) return verdict;
  return "no difference";
}

function describe(run: RunSeries): CompareResult["a"] {
  return {
    name: run.name,
    operations: run.windows.reduce((sum, { counts }) => sum + counts.ok + counts.errors + counts.dropped, 0),
    windows: run.windows.length,
    windowMs: run.windowMs,
    durationMs: run.durationMs,
    ...(run.targetPerSec === undefined ? {} : { targetPerSec: run.targetPerSec }),
  };
}
