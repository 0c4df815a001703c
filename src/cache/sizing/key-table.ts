/** Keys by their 64-bit hash, each with a small whole number of its own (its slot), which a removed key gives back. Open addressing over typed arrays: 20 to 30 bytes a key. */
export class KeyTable {
  /** By slot. */
  low = new Int32Array(64);
  high = new Int32Array(64);
  /** Keys in it. */
  size = 0;
  /** One more than the highest slot that was ever given. */
  slots = 0;
  /** Whether the last `slotOf` had to add its key. */
  added = false;
  // Slot + 1; zero is empty.
  private buckets = new Int32Array(128);
  private free: number[] = [];

  /** The slot of this key, which is added where it is new. */
  slotOf(low: number, high: number): number {
    const mask = this.buckets.length - 1;
    let bucket = high & mask;
    for (let entry = this.buckets[bucket]!; entry !== 0; entry = this.buckets[bucket]!) {
      if (this.low[entry - 1] === low && this.high[entry - 1] === high) {
        this.added = false;
        return entry - 1;
      }
      bucket = (bucket + 1) & mask;
    }
    this.added = true;
    const slot = this.free.pop() ?? this.slots++;
    if (slot >= this.low.length) {
      this.low = grown(this.low, slot + 1);
      this.high = grown(this.high, slot + 1);
    }
    this.low[slot] = low;
    this.high[slot] = high;
    this.buckets[bucket] = slot + 1;
    if (++this.size * 2 > this.buckets.length) this.rehash();
    return slot;
  }

  /** Whether a slot that was given still has its key. */
  holds(slot: number): boolean {
    const mask = this.buckets.length - 1;
    for (let bucket = this.high[slot]! & mask; this.buckets[bucket] !== 0; bucket = (bucket + 1) & mask)
      if (this.buckets[bucket] === slot + 1) return true;
    return false;
  }

  /** @param slot of a key that is in the table */
  remove(slot: number): void {
    const { buckets, high } = this;
    const mask = buckets.length - 1;
    let hole = high[slot]! & mask;
    while (buckets[hole] !== slot + 1) hole = (hole + 1) & mask;
    // Whoever was pushed past the hole moves up, so that every chain stays whole.
    for (let next = (hole + 1) & mask; buckets[next] !== 0; next = (next + 1) & mask) {
      const home = high[buckets[next]! - 1]! & mask;
      if (((next - home) & mask) < ((next - hole) & mask)) continue;
      buckets[hole] = buckets[next]!;
      hole = next;
    }
    buckets[hole] = 0;
    this.free.push(slot);
    this.size--;
  }

  private rehash(): void {
    const old = this.buckets;
    const mask = old.length * 2 - 1;
    const buckets = new Int32Array(old.length * 2);
    for (const entry of old) {
      if (entry === 0) continue;
      let bucket = this.high[entry - 1]! & mask;
      while (buckets[bucket] !== 0) bucket = (bucket + 1) & mask;
      buckets[bucket] = entry;
    }
    this.buckets = buckets;
  }
}

/** The array with room for at least `length`, doubling. */
export function grown<A extends Int32Array | Float64Array>(array: A, length: number): A {
  if (array.length >= length) return array;
  const larger = new (array.constructor as new (length: number) => A)(Math.max(length, array.length * 2));
  larger.set(array);
  return larger;
}
