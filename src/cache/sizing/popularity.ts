import type { PopularitySnapshot } from "../popularity/contract.ts";

/**
 * The share of references that an LRU cache of so many entries answers where only popularity is known, not order: Che's approximation (Che, Tung, Wang 2002), which takes
 * references as independent draws. An entry stays for about the same time T, the one at which the expected number of keys that are used within T is the
 * size; a key with rate λ hits with 1 − exp(−λT). First references are not counted: it is the steady state of a cache that has run for long.
 * References to keys that are not listed count as misses, and are taken to be all different.
 * @param entries of the cache
 */
export function hitRatioOfPopularity({ keys, references }: PopularitySnapshot, entries: number): number {
  if (references <= 0 || entries <= 0 || keys.length === 0) return 0;
  const rates = Float64Array.from(keys, ({ count, error }) => Math.max(0, count - error / 2) / references);
  const others = Math.max(0, 1 - rates.reduce((sum, rate) => sum + rate, 0));
  const resident = (time: number) => rates.reduce((sum, rate) => sum - Math.expm1(-rate * time), others * time);
  let high = 1;
  while (resident(high) < entries && high < 1e18) high *= 2;
  let low = 0;
  for (let step = 0; step < 100; step++) {
    const middle = (low + high) / 2;
    if (resident(middle) < entries) low = middle;
    else high = middle;
  }
  return Math.min(
    1,
    rates.reduce((sum, rate) => sum - rate * Math.expm1(-rate * high), 0),
  );
}
