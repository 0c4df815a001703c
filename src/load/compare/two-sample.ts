import type { Rng } from "../../runtime.ts";
import { studentCritical, studentTwoSided } from "../statistics/student.ts";
import { automaticBlockLength } from "./block-length.ts";
import { blocksOf, circularBlocks, deal } from "./resample.ts";

export interface TwoSampleOptions {
  /** Windows in all, and how many of them are A's. */
  windows: number;
  split: number;
  /** The statistic of any weighting of the windows, on a scale where B − A is the effect (a logarithm, for ratios). */
  statistic: (weights: Float64Array) => number;
  /** What one window contributes: the series whose correlation sets the block length. */
  contribution: (window: number) => number;
  rng: Rng;
  resamples?: number;
  permutations?: number;
}

export interface TwoSampleTest {
  effect: number;
  /** Two-sided: that an effect as large appears between two runs of the same thing. */
  pValue: number;
  blockLength: number;
  /** Half the width of the interval around `effect` at that confidence; it excludes 0 exactly where pValue ≤ 1 − confidence. */
  halfWidth(confidence: number): number;
}

/**
 * Whether two series of correlated windows differ in a statistic. Two methods must agree; the larger p-value counts:
 *
 * 1. *circular block bootstrap*, each run by itself: a standard error, and Student's t with Welch & Satterthwaite's degrees of
 *    freedom over the number of blocks, so that few windows widen the interval;
 * 2. *block permutation*: blocks are dealt out anew between the runs. This is exact whenever blocks are exchangeable, and so holds where the first
 *    fails: percentiles in the gap between a fast and a slow mode, bursts that only one of the runs happened to see, rates near 0.
 *    It stops early once clearly insignificant (Besag & Clifford 1991: p = h ÷ draws needed for h exceedances).
 *
 * Where permutation alone does not reject, the interval is widened until it says the same.
 */
export function twoSampleTest(options: TwoSampleOptions): TwoSampleTest {
  const { windows, split, statistic, rng, resamples = 400, permutations = 2000 } = options;
  const length = blockLengthOf(options);
  const a = bootstrap(options, 0, split, length, resamples);
  const b = bootstrap(options, split, windows, length, resamples);
  const effect = b.value - a.value;
  const variance = a.variance + b.variance;
  const degrees =
    variance > 0
      ? Math.max(1, variance ** 2 / (a.variance ** 2 / a.degrees + b.variance ** 2 / b.degrees))
      : Math.max(1, a.degrees + b.degrees);
  const pStudent = variance > 0 ? studentTwoSided(effect / Math.sqrt(variance), degrees) : effect === 0 ? 1 : 0;
  const pPermutation = permute(windows, split, length, Math.abs(effect), statistic, rng, permutations);
  return {
    effect,
    pValue: Math.max(pStudent, pPermutation),
    blockLength: length,
    halfWidth: (confidence) => {
      const critical = studentCritical(confidence, degrees);
      const student = Math.sqrt(variance) * critical;
      if (pPermutation <= 1 - confidence) return student;
      // Beyond one half the effect is noise by any reading, and no width says so better.
      return Math.max(student, (Math.abs(effect) * critical) / studentCritical(1 - Math.min(0.5, pPermutation), degrees));
    },
  };
}

/** The longer of the runs' automatic lengths; at least two windows where there are enough: a queue carries over from one to the next. */
function blockLengthOf({ windows, split, contribution }: TwoSampleOptions): number {
  const lengths = [
    [0, split],
    [split, windows],
  ].map(([from, to]) => automaticBlockLength(Array.from({ length: to! - from! }, (_, i) => contribution(from! + i))));
  return Math.max(Math.min(split, windows - split) >= 16 ? 2 : 1, ...lengths);
}

function bootstrap(options: TwoSampleOptions, from: number, to: number, length: number, resamples: number) {
  const weights = new Float64Array(options.windows);
  weights.fill(1, from, to);
  const value = options.statistic(weights);
  let sum = 0;
  let squares = 0;
  for (let r = 0; r < resamples; r++) {
    circularBlocks(weights, from, to, length, options.rng);
    const deviation = options.statistic(weights) - value;
    sum += deviation;
    squares += deviation * deviation;
  }
  const blocks = Math.max(1.5, (to - from) / length);
  // The bootstrap's variance is that of a population; the factor makes it a sample's.
  const variance = (Math.max(0, squares / resamples - (sum / resamples) ** 2) * blocks) / (blocks - 1);
  return { value, variance, degrees: Math.max(1, blocks - 1) };
}

function permute(
  windows: number,
  split: number,
  length: number,
  observed: number,
  statistic: (weights: Float64Array) => number,
  rng: Rng,
  permutations: number,
): number {
  const blocks = blocksOf(split, windows, length);
  const order = Uint32Array.from(blocks.keys());
  const takeA = blocks.filter(([from]) => from < split).length;
  const weightsA = new Float64Array(windows);
  const weightsB = new Float64Array(windows);
  const enough = 40;
  let exceeded = 0;
  for (let draw = 1; draw <= permutations; draw++) {
    deal(blocks, order, takeA, rng, weightsA, weightsB);
    if (Math.abs(statistic(weightsB) - statistic(weightsA)) >= observed - 1e-12 && ++exceeded === enough) return enough / draw;
  }
  return (exceeded + 1) / (permutations + 1);
}
