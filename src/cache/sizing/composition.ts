/** How many bytes the most recently used entries of a trace take, and how many entries fit: both ways, as they lay at its end. */
export interface Composition {
  bytesOf(entries: number): number;
  entriesOf(bytes: number): number;
}

/** Every entry takes as much. */
export function uniform(entryBytes: number): Composition {
  return { bytesOf: (entries) => entries * entryBytes, entriesOf: (bytes) => Math.floor(bytes / entryBytes) };
}

/**
 * @param bytesFromTop of each key, the most recently used first
 * @param rate share of the keys that these are
 */
export function measured(bytesFromTop: Iterable<number>, rate: number): Composition {
  let sum = 0;
  const sums = Float64Array.from([...bytesFromTop], (bytes) => (sum += bytes));
  return {
    bytesOf: (entries) => interpolated(sums, Math.min(sums.length, entries * rate)) / rate,
    entriesOf(bytes) {
      const wanted = bytes * rate;
      let [low, high] = [0, sums.length];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (sums[middle]! <= wanted) low = middle + 1;
        else high = middle;
      }
      return Math.floor(low / rate);
    },
  };
}

/** The sum of the first `count` bytes, of which there may be a part of one. */
function interpolated(sums: Float64Array, count: number): number {
  const whole = Math.floor(count);
  const below = whole === 0 ? 0 : sums[whole - 1]!;
  return whole >= sums.length ? below : below + (sums[whole]! - below) * (count - whole);
}
