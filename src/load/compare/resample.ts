import type { Rng } from "../../runtime.ts";

/**
 * One resample of the circular block bootstrap (Politis & Romano 1992): blocks of neighbouring windows, each begun anywhere, the series
 * closed to a ring, until as many windows are drawn as there are; the last block is cut to fit.
 * @param weights how often each window was drawn; only `from … to − 1` is overwritten
 */
export function circularBlocks(weights: Float64Array, from: number, to: number, blockLength: number, rng: Rng): void {
  const n = to - from;
  weights.fill(0, from, to);
  for (let drawn = 0; drawn < n; drawn += blockLength) {
    const start = Math.floor(rng() * n);
    const take = Math.min(blockLength, n - drawn);
    for (let i = 0; i < take; i++) weights[from + ((start + i) % n)]! += 1;
  }
}

/** The windows of both runs cut into blocks of neighbours: `[from, to)` pairs, never across the border between the runs. */
export function blocksOf(split: number, windows: number, blockLength: number): [from: number, to: number][] {
  const blocks: [number, number][] = [];
  for (const [from, to] of [
    [0, split],
    [split, windows],
  ] as const) {
    // A short remainder joins its neighbour, so that no block is more correlated with the next than the others are.
    const count = Math.max(1, Math.floor((to - from) / blockLength));
    for (let i = 0; i < count; i++)
      blocks.push([from + Math.floor((i * (to - from)) / count), from + Math.floor(((i + 1) * (to - from)) / count)]);
  }
  return blocks;
}

/**
 * Deals the blocks out anew: the first `takeA` of a shuffle (Fisher & Yates) to A, the others to B.
 * @param order a permutation of the blocks' indices, shuffled in place
 */
export function deal(
  blocks: readonly [number, number][],
  order: Uint32Array,
  takeA: number,
  rng: Rng,
  weightsA: Float64Array,
  weightsB: Float64Array,
): void {
  for (let i = 0; i < takeA; i++) {
    const j = i + Math.floor(rng() * (order.length - i));
    const other = order[j]!;
    order[j] = order[i]!;
    order[i] = other;
  }
  weightsA.fill(0);
  for (let i = 0; i < takeA; i++) {
    const [from, to] = blocks[order[i]!]!;
    weightsA.fill(1, from, to);
  }
  for (let w = 0; w < weightsB.length; w++) weightsB[w] = 1 - weightsA[w]!;
}
