import type { SpillSpec } from "./contract.ts";
import type { Nearest } from "./nearest.ts";
import type { Points } from "./points.ts";

export interface Spill {
  /** Rows whose second cell is at most this many times as far as their own are kept there too: 1 where none is. */
  ratio: number;
  /** Share of the rows that this is. */
  share: number;
}

/**
 * Where to draw the line for copies near boundaries: at the ratio that was asked for, or nearer where the budget ends before.
 * @param ratios of each row: how much farther its second cell is than its own (1 and more)
 */
export function chooseSpill(ratios: Float32Array, { budget, ratio }: SpillSpec): Spill {
  const sorted = ratios.slice().sort();
  const most = Math.floor(budget * sorted.length);
  let count = 0;
  while (count < most && sorted[count]! <= ratio) count++;
  // Rows that are exactly as near as the first one beyond the budget would come with it: they stay away together.
  if (count < sorted.length) while (count > 0 && sorted[count - 1] === sorted[count]) count--;
  return count === 0 ? { ratio: 1, share: 0 } : { ratio: sorted[count - 1]!, share: count / sorted.length };
}

/**
 * How much farther each row's second cell is than its own, by distance (with the price of balance, where there is one).
 * @param out where they go, from `start` on
 */
export function spillRatios({ bases }: Points, { best, second }: Nearest, count: number, out: Float32Array, start: number): void {
  for (let i = 0; i < count; i++) {
    const own = Math.max(0, bases.values[i]! + 2 * best.values[i]!);
    const next = Math.max(0, bases.values[i]! + 2 * second.values[i]!);
    out[start + i] = own === 0 ? (next === 0 ? 1 : Infinity) : Math.max(1, Math.sqrt(next / own));
  }
}
