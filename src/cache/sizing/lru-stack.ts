import { grown } from "./key-table.ts";

/**
 * The LRU stack of Mattson et al. (1970), "Evaluation techniques for storage hierarchies": how many other keys, and bytes of them, were
 * used since a key's last reference. Every reference takes the next place on a line of time; a Fenwick tree counts the places that still hold
 * a key's last reference, so each reference costs O(log n). When the line is full, the places that hold something are moved together.
 */
export class LruStack {
  /** Keys on the stack. */
  live = 0;
  /** Their bytes; zero unless weighted. */
  liveBytes = 0;
  /** Of the last `touch`: bytes of the keys that were used since. */
  bytesAbove = 0;
  private counts: Int32Array;
  private weights: Float64Array | undefined;
  /** Slot at each place, −1 where there is none (any more). */
  private slotAt: Int32Array;
  /** By slot: its place, zero where it has none. */
  private placeOf = new Int32Array(64);
  private bytesOf = new Float64Array(64);
  private next = 1;

  /** @param weighted whether bytes are counted, too: half as fast */
  constructor({ weighted, places = 1024 }: { weighted: boolean; places?: number }) {
    this.counts = new Int32Array(places + 1);
    this.weights = weighted ? new Float64Array(places + 1) : undefined;
    this.slotAt = new Int32Array(places + 1).fill(-1);
  }

  /**
   * A reference to this slot's key, which is on top afterwards.
   * @param bytes of the entry from now on
   * @returns how many other keys were used since its last reference; −1 at its first
   */
  touch(slot: number, bytes: number): number {
    if (this.next >= this.slotAt.length) this.compact();
    if (slot >= this.placeOf.length) {
      this.placeOf = grown(this.placeOf, slot + 1);
      this.bytesOf = grown(this.bytesOf, slot + 1);
    }
    const place = this.placeOf[slot]!;
    let above = -1;
    if (place !== 0) {
      above = this.live - this.countUpTo(place);
      if (this.weights) this.bytesAbove = this.liveBytes - this.bytesUpTo(place);
      this.take(slot, place);
    }
    this.put(slot, this.next++, bytes);
    return above;
  }

  /** Takes a key off the stack. */
  remove(slot: number): void {
    const place = this.placeOf[slot] ?? 0;
    if (place !== 0) this.take(slot, place);
  }

  bytesOfSlot(slot: number): number {
    return this.bytesOf[slot] ?? 0;
  }

  /** Slots from the most to the least recently used. */
  *fromTop(): Generator<number> {
    for (let place = this.next - 1; place > 0; place--) if (this.slotAt[place]! >= 0) yield this.slotAt[place]!;
  }

  private put(slot: number, place: number, bytes: number): void {
    this.placeOf[slot] = place;
    this.bytesOf[slot] = bytes;
    this.slotAt[place] = slot;
    this.live++;
    this.add(place, 1);
    if (!this.weights) return;
    this.liveBytes += bytes;
    this.addBytes(this.weights, place, bytes);
  }

  private take(slot: number, place: number): void {
    this.placeOf[slot] = 0;
    this.slotAt[place] = -1;
    this.live--;
    this.add(place, -1);
    if (!this.weights) return;
    this.liveBytes -= this.bytesOf[slot]!;
    this.addBytes(this.weights, place, -this.bytesOf[slot]!);
  }

  private countUpTo(place: number): number {
    const { counts } = this;
    let sum = 0;
    for (let i = place; i > 0; i &= i - 1) sum += counts[i]!;
    return sum;
  }

  private bytesUpTo(place: number): number {
    const weights = this.weights!;
    let sum = 0;
    for (let i = place; i > 0; i &= i - 1) sum += weights[i]!;
    return sum;
  }

  private add(place: number, by: number): void {
    const { counts } = this;
    for (let i = place; i < counts.length; i += i & -i) counts[i]! += by;
  }

  private addBytes(weights: Float64Array, place: number, by: number): void {
    for (let i = place; i < weights.length; i += i & -i) weights[i]! += by;
  }

  /** Moves what is on the line together, in its order; a line that is more than half full doubles. */
  private compact(): void {
    const places = this.slotAt.length - 1;
    const room = this.live * 2 > places ? places * 2 : places;
    const slotAt = new Int32Array(room + 1).fill(-1);
    const counts = new Int32Array(room + 1);
    const weights = this.weights && new Float64Array(room + 1);
    let next = 1;
    for (let place = 1; place < this.next; place++) {
      const slot = this.slotAt[place]!;
      if (slot < 0) continue;
      slotAt[next] = slot;
      this.placeOf[slot] = next;
      counts[next] = 1;
      if (weights) weights[next] = this.bytesOf[slot]!;
      next++;
    }
    for (let i = 1; i <= room; i++) {
      const parent = i + (i & -i);
      if (parent > room) continue;
      counts[parent]! += counts[i]!;
      if (weights) weights[parent]! += weights[i]!;
    }
    Object.assign(this, { slotAt, counts, weights, next });
  }
}
