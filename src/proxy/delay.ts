import type { Rng } from "../runtime.ts";
import type { Distribution } from "./contract.ts";

/** Shape of the Pareto distribution: its variance is finite, and one delay in a thousand is ten times its least. */
const shape = 3;
const paretoMean = shape / (shape - 1);
const paretoDeviation = Math.sqrt(shape / ((shape - 1) ** 2 * (shape - 2)));

export interface DelaySpec {
  delayMs: number;
  /** uniform: at most so much off; normal and pareto: the standard deviation. */
  jitterMs: number;
  distribution: Distribution;
}

/**
 * One delay, ms, never negative; `delayMs` is the mean of all three. `pareto` has its tail on the late side: shape 3, moved and
 * scaled to that mean and that deviation.
 */
export function sampleDelayMs({ delayMs, jitterMs, distribution }: DelaySpec, rng: Rng): number {
  if (jitterMs === 0) return delayMs;
  return Math.max(0, delayMs + jitterMs * samplers[distribution](rng));
}

/** Of mean 0: within ±1 (uniform), or of deviation 1. */
const samplers: Record<Distribution, (rng: Rng) => number> = {
  uniform: (rng) => 2 * rng() - 1,
  // Box and Muller.
  normal: (rng) => Math.sqrt(-2 * Math.log(1 - rng())) * Math.cos(2 * Math.PI * rng()),
  pareto: (rng) => ((1 - rng()) ** (-1 / shape) - paretoMean) / paretoDeviation,
};
