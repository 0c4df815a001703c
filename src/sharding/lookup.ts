/**
 * Which of a sorted list of half-open intervals holds a position. Intervals are given by their starts, the first of
 * which is 0. A bucket index narrows the binary search to an entry or two where starts are spread evenly, as hashes are.
 */
export interface Lookup {
  /** The last index whose start is ≤ position; position in [0, space). */
  find(position: number): number;
}

/**
 * @param starts ascending, starts[0] = 0
 * @param space exclusive upper bound of positions
 */
export function createLookup(starts: Float64Array, space: number): Lookup {
  const buckets = 2 ** Math.ceil(Math.log2(Math.max(2, starts.length * 2)));
  const scale = buckets / space;
  // lastBefore[b]: the last index whose start lies in a bucket before b, so that a position in bucket b belongs to one of
  // lastBefore[b] … lastBefore[b + 1].
  const lastBefore = new Uint32Array(buckets + 1);
  let index = 0;
  for (let bucket = 1; bucket <= buckets; bucket++) {
    while (index + 1 < starts.length && Math.floor(starts[index + 1]! * scale) < bucket) index++;
    lastBefore[bucket] = index;
  }
  return {
    find(position) {
      const bucket = Math.floor(position * scale);
      let low = lastBefore[bucket]!;
      let high = lastBefore[bucket + 1]!;
      while (low < high) {
        const middle = (low + high + 1) >>> 1;
        if (starts[middle]! <= position) low = middle;
        else high = middle - 1;
      }
      return low;
    },
  };
}
