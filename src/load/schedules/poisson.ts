import { seededRng } from "../../runtime.ts";
import type { PoissonSpec, Schedule } from "../contract.ts";

/** Arrivals that a block holds on average: what is made again when another block is asked for. */
const perBlock = 512;
const keptBlocks = 4;

/**
 * Poisson arrivals, a pure function of seed and index. Time is cut into blocks, each with a random stream of its own: a block's
 * arrivals are the partial sums of exponential gaps that fall into it, which is a Poisson process, since what happens in disjoint
 * stretches of one is independent. Memory: one number a block, and the arrivals of the blocks used last.
 */
export function poissonRate({ ratePerSec, seed, warmupUs, durationUs }: Omit<PoissonSpec, "kind">): Schedule {
  const lengthUs = warmupUs + durationUs;
  const blockUs = Math.min(lengthUs, (perBlock / ratePerSec) * 1e6);
  const blocks = Math.ceil(lengthUs / blockUs);
  const arrivalsOf = (block: number): Float64Array => {
    const rng = seededRng(Math.imul(seed, 0x9e37_79b1) ^ Math.imul(block + 1, 0x85eb_ca6b));
    const endUs = Math.min(lengthUs, (block + 1) * blockUs);
    const arrivals: number[] = [];
    for (let atUs = block * blockUs; ;) {
      atUs += (-Math.log(1 - rng()) / ratePerSec) * 1e6;
      if (atUs >= endUs) return Float64Array.from(arrivals);
      arrivals.push(atUs);
    }
  };
  const before = new Float64Array(blocks + 1);
  for (let block = 0; block < blocks; block++) before[block + 1] = before[block]! + arrivalsOf(block).length;
  const kept = new Map<number, Float64Array>();
  const blockOf = (block: number) => {
    let arrivals = kept.get(block);
    if (!arrivals) {
      if (kept.size >= keptBlocks) kept.delete(kept.keys().next().value!);
      kept.set(block, (arrivals = arrivalsOf(block)));
    }
    return arrivals;
  };
  return {
    total: before[blocks]!,
    warmupUs,
    endUs: lengthUs,
    intendedUs(index) {
      let low = 0;
      let high = blocks - 1;
      // The last block that begins with at most `index` arrivals before it, and so holds this one.
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if (before[middle]! <= index) low = middle;
        else high = middle - 1;
      }
      return blockOf(low)[index - before[low]!]!;
    },
  };
}
