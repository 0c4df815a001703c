import { dot, fasterHalfUs, percentileUs, type WindowTable } from "./table.ts";

/** One figure that two runs are compared by. */
export interface Metric {
  name: string;
  unit: "us" | "perSec" | "fraction";
  /** `ratio`: B ÷ A, tested on the logarithm; `difference`: B − A. */
  effect: "ratio" | "difference";
  more: "worse" | "better";
  /** Effects below this never make a verdict: a share for ratios, an absolute figure for differences. */
  floor: number;
  /** Share of the allowed error probability, relative to the other metrics. */
  weight: number;
  /** Of any weighting of the windows; Infinity where the rank belongs to an operation that never succeeded, NaN where nothing was measured. */
  value(table: WindowTable, weights: Float64Array): number;
  /** Why this figure cannot be judged from these runs. */
  unsupported?(table: WindowTable, weightsOfRun: readonly Float64Array[]): string | undefined;
  /** What each window contributes: the series whose correlation sets the block length. */
  contributions(table: WindowTable): (window: number) => number;
}

/** A percentile needs this many operations beyond it, in each run. */
const neededBeyond = 10;

/** HDR histograms of three digits resolve 0.1 %, and nobody acts on less than ten times that. */
const latencyFloor = 0.01;

function percentile(name: string, p: number): Metric {
  return {
    name,
    unit: "us",
    effect: "ratio",
    more: "worse",
    floor: latencyFloor,
    weight: 1,
    value: (table, weights) => percentileUs(table, weights, p),
    unsupported: (table, runs) => {
      const fewest = Math.min(...runs.map((weights) => dot(table.totals, weights)));
      return fewest * (1 - p) >= neededBeyond - 1e-9
        ? undefined
        : `needs ${Math.ceil(neededBeyond / (1 - p) - 1e-9)} operations in each run, the smaller has ${fewest}`;
    },
    contributions: (table) => {
      const everything = new Float64Array(table.windows).fill(1);
      const row = table.valuesUs.indexOf(percentileUs(table, everything, p));
      return (window) => (row < 0 ? 0 : table.cumulative[row * table.windows + window]!) - p * table.totals[window]!;
    },
  };
}

/**
 * The metrics, in the order of the report. `body`, the geometric mean of the faster half, is there for its power: queueing and bursts, which make
 * most of the noise, hardly reach it, so it shows a server that became 10 % slower with half the samples that p50 takes and a
 * twentieth of what p99 takes. It is given half of the allowed error probability.
 */
export const metrics: readonly Metric[] = [
  {
    name: "body",
    unit: "us",
    effect: "ratio",
    more: "worse",
    floor: latencyFloor,
    weight: 8,
    value: fasterHalfUs,
    contributions: (table) => {
      const one = new Float64Array(table.windows);
      return (window) => {
        one.fill(0);
        one[window] = 1;
        const value = Math.log(fasterHalfUs(table, one));
        return Number.isFinite(value) ? value : 0;
      };
    },
  },
  percentile("p50", 0.5),
  percentile("p90", 0.9),
  percentile("p95", 0.95),
  percentile("p99", 0.99),
  percentile("p99.9", 0.999),
  {
    name: "errors",
    unit: "fraction",
    effect: "difference",
    more: "worse",
    floor: 0.0001,
    weight: 1,
    value: (table, weights) => dot(table.failed, weights) / dot(table.totals, weights),
    contributions: (table) => (window) => table.failed[window]!,
  },
  {
    name: "rate",
    unit: "perSec",
    effect: "ratio",
    more: "better",
    floor: 0.01,
    weight: 1,
    value: (table, weights) => (1000 * dot(table.ok, weights)) / dot(table.spanMs, weights),
    contributions: (table) => (window) => table.ok[window]! / table.spanMs[window]!,
  },
  {
    name: "recall",
    unit: "fraction",
    effect: "difference",
    more: "better",
    floor: 0.001,
    weight: 1,
    value: (table, weights) => dot(table.recallSum, weights) / dot(table.recallN, weights),
    unsupported: (table, runs) =>
      runs.every((weights) => dot(table.recallN, weights) > 0) ? undefined : "not measured in both runs",
    contributions: (table) => (window) => (table.recallN[window]! > 0 ? table.recallSum[window]! / table.recallN[window]! : 0),
  },
];
