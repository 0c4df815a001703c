import { automaticBlockLength } from "../compare/block-length.ts";
import { z95 } from "./normal.ts";

/**
 * The ranks between which a quantile lies with 95 % confidence, whatever the distribution: the number of samples below the true quantile is binomial with
 * n and q (Hahn & Meeker, Statistical Intervals, 5.2), here by Wilson's interval for q. Latencies come in bursts: `designEffect` says how many samples
 * are worth one independent one.
 * @returns ranks from 1, or undefined where either would lie outside the (effective) sample: then there is no such interval
 */
export function quantileRanks(q: number, n: number, designEffect = 1): { low: number; high: number } | undefined {
  const effective = n / Math.max(1, designEffect);
  if (effective < 1) return undefined;
  const square = (z95 * z95) / effective;
  const centre = (q + square / 2) / (1 + square);
  const half = (z95 / (1 + square)) * Math.sqrt((q * (1 - q)) / effective + square / (4 * effective));
  // As many independent samples would have to reach beyond both ends.
  if (Math.floor((centre - half) * effective) < 1 || Math.ceil((centre + half) * effective) + 1 > effective) return undefined;
  const low = Math.floor((centre - half) * n);
  const high = Math.ceil((centre + half) * n) + 1;
  return { low, high };
}

/** Samples of one window: how many there were, and how many did not exceed the quantile of all. */
export interface WindowBelow {
  n: number;
  below: number;
}

/**
 * Variance of the number of samples below the quantile, as the windows show it, over what independent samples would have: 1 or more. Windows are put
 * together into blocks that are long enough to be nearly independent of each other (`automaticBlockLength`).
 * @returns 1 where fewer than four blocks would tell nothing
 */
export function designEffect(windows: readonly WindowBelow[], q: number): number {
  const excess = windows.map(({ n, below }) => below - q * n);
  const length = automaticBlockLength(excess);
  const blocks = Math.floor(excess.length / length);
  const n = windows.reduce((sum, window) => sum + window.n, 0);
  if (blocks < 4 || n === 0) return 1;
  const sums = Array.from({ length: blocks }, (_, block) =>
    excess.slice(block * length, (block + 1) * length).reduce((sum, value) => sum + value, 0),
  );
  const mean = sums.reduce((sum, value) => sum + value, 0) / blocks;
  const variance = sums.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (blocks - 1);
  return Math.max(1, (variance * blocks) / (q * (1 - q) * n));
}
