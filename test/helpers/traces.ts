import { batchLength, emptyBatch, type ReferenceSink } from "../../src/cache/sizing/contract.ts";
import { hashNumber } from "../../src/cache/sizing/hash.ts";
import type { Rng } from "../../src/runtime.ts";

/** A draw of 0 … keys − 1, key i with a weight of 1/(i + 1)^alpha. */
export function zipf(keys: number, alpha: number, rng: Rng): () => number {
  const sums = new Float64Array(keys);
  let sum = 0;
  for (let i = 0; i < keys; i++) sums[i] = sum += 1 / (i + 1) ** alpha;
  return () => {
    const wanted = rng() * sum;
    let [low, high] = [0, keys - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle]! < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

/** Zipf draws whose hot keys change: every `phase` references another part of the keys is in favour. */
export function driftingTrace(
  { references, keys, alpha, phase }: { references: number; keys: number; alpha: number; phase: number },
  rng: Rng,
): Int32Array {
  const draw = zipf(keys, alpha, rng);
  return Int32Array.from({ length: references }, (_, i) => (draw() + Math.floor(i / phase) * 37) % keys);
}

/** Passes whole numbers as keys to a sink, as a reader would. */
export function feedSink(
  sink: ReferenceSink,
  keys: ArrayLike<number>,
  {
    seed = 0,
    bytes = () => 1,
    timeUs = () => 0,
  }: { seed?: number; bytes?: (key: number) => number; timeUs?: (at: number) => number } = {},
): void {
  const batch = emptyBatch();
  let read = 0;
  const flush = () => {
    sink.take(batch, read);
    batch.length = 0;
    read = 0;
  };
  for (let at = 0; at < keys.length; at++) {
    hashNumber(keys[at]!, seed, batch.low, batch.high, batch.length);
    read++;
    if (batch.low[batch.length]! >>> 0 >= sink.threshold) continue;
    batch.bytes[batch.length] = bytes(keys[at]!);
    batch.timeUs[batch.length] = timeUs(at);
    if (++batch.length === batchLength) flush();
  }
  flush();
}
