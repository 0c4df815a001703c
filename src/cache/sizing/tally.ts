/** How often which distance was seen. */
export interface Tally {
  add(distance: number): void;
  /** Everything that was added so far counts this much less from now on. */
  scale(by: number): void;
  /** How much was added of distances up to this one. */
  upTo(distance: number): number;
}

/** Each whole distance for itself: exact, at eight bytes for each up to the greatest. */
export function denseTally(): Tally {
  let counts = new Float64Array(1024);
  let top = 0;
  let sums: Float64Array | undefined;
  return {
    add(distance) {
      if (distance >= counts.length) {
        const larger = new Float64Array(Math.max(distance + 1, counts.length * 2));
        larger.set(counts);
        counts = larger;
      }
      if (distance > top) top = distance;
      counts[distance]!++;
      sums = undefined;
    },
    scale(by) {
      for (let i = 0; i <= top; i++) counts[i]! *= by;
      sums = undefined;
    },
    upTo(distance) {
      sums ??= runningSums(counts, top + 1);
      return distance < 0 ? 0 : sums[Math.min(top, Math.floor(distance))]!;
    },
  };
}

/**
 * Distances in a fixed room, whatever they are: exact at powers of two and at those `parts` borders between two of them, in between by interpolation.
 * @param parts of a doubling: a distance is known to within 1/parts; 53 × 8 bytes for each
 */
export function logTally(parts: number): Tally {
  const counts = new Float64Array(53 * parts + 1);
  let sums: Float64Array | undefined;
  return {
    add(distance) {
      // Less one, so that a border belongs to the bucket below it.
      counts[bucketOf(distance - 1, parts)]!++;
      sums = undefined;
    },
    scale(by) {
      for (let i = 0; i < counts.length; i++) counts[i]! *= by;
      sums = undefined;
    },
    upTo(distance) {
      if (distance < 1) return 0;
      sums ??= runningSums(counts, counts.length);
      const bucket = bucketOf(distance, parts);
      return sums[bucket - 1]! + counts[bucket]! * shareBelow(distance, parts);
    },
  };
}

/** Linear within each power of two, as HdrHistogram's buckets are: it takes no logarithm. What is below one is in the first. */
function bucketOf(value: number, parts: number): number {
  if (value < 1) return 0;
  const exponent = exponentOf(value);
  return 1 + exponent * parts + Math.floor((value / 2 ** exponent - 1) * parts);
}

/** How much of its bucket lies below a value ≥ 1. */
function shareBelow(value: number, parts: number): number {
  const place = (value / 2 ** exponentOf(value) - 1) * parts;
  return place - Math.floor(place);
}

function exponentOf(value: number): number {
  return value < 4_294_967_296 ? 31 - Math.clz32(value) : 63 - Math.clz32(value / 4_294_967_296);
}

function runningSums(counts: Float64Array, length: number): Float64Array {
  const sums = new Float64Array(length);
  let sum = 0;
  for (let i = 0; i < length; i++) sums[i] = sum += counts[i]!;
  return sums;
}
