import type { Popular, PopularitySnapshot } from "./contract.ts";

/**
 * The most frequent keys of a stream in bounded memory: Space-Saving (Metwally, Agrawal, El Abbadi 2005). A key that is not held takes the place of the least frequent one, and
 * its count with it as a possible error. A count is never too small, and too large by references/capacity at most; every key that makes up more than
 * that share is held.
 */
export class SpaceSaving {
  references = 0;
  private readonly capacity: number;
  /** Places of the heap by key. */
  private readonly places = new Map<string, number>();
  /** A binary heap, the least count at its root. */
  private readonly heap: Popular[] = [];

  /** @param capacity keys that are held, ≥ 1: for a dependable top k, several times k */
  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** @param weight how often, above zero */
  add(key: string, weight = 1): void {
    this.references += weight;
    const place = this.places.get(key);
    if (place !== undefined) {
      this.heap[place]!.count += weight;
      this.sink(place);
    } else if (this.heap.length < this.capacity) {
      this.heap.push({ key, count: weight, error: 0 });
      this.places.set(key, this.heap.length - 1);
      this.rise(this.heap.length - 1);
    } else {
      const least = this.heap[0]!;
      this.places.delete(least.key);
      this.heap[0] = { key, count: least.count + weight, error: least.count };
      this.places.set(key, 0);
      this.sink(0);
    }
  }

  /**
   * Takes in what another one saw: bounds hold for both streams together (Agarwal et al. 2012, "Mergeable summaries").
   * A key that one of them does not hold may have been there as often as its least.
   */
  merge(other: SpaceSaving): void {
    const [here, there] = [this.leastPossible(), other.leastPossible()];
    const theirs = new Map(other.heap.map((entry) => [entry.key, entry]));
    const both = this.heap.map(({ key, count, error }) => {
      const match = theirs.get(key);
      theirs.delete(key);
      return { key, count: count + (match?.count ?? there), error: error + (match?.error ?? there) };
    });
    const added = [...theirs.values()].map(({ key, count, error }) => ({ key, count: count + here, error: error + here }));
    const kept = [...both, ...added].toSorted((a, b) => b.count - a.count).slice(0, this.capacity);
    // Ascending order is a heap.
    this.heap.splice(0, Infinity, ...kept.toReversed());
    this.places.clear();
    for (const [place, { key }] of this.heap.entries()) this.places.set(key, place);
    this.references += other.references;
  }

  /** Multiplies all counts: the past counts for less. @param factor above zero */
  scale(factor: number): void {
    this.references *= factor;
    // The order stays, and with it the heap.
    for (const entry of this.heap) {
      entry.count *= factor;
      entry.error *= factor;
    }
  }

  /** The `k` keys with the greatest counts, the greatest first. */
  top(k: number): Popular[] {
    return this.heap
      .toSorted((a, b) => b.count - a.count || a.error - b.error || (a.key < b.key ? -1 : 1))
      .slice(0, k)
      .map(({ key, count, error }) => ({ key, count, error }));
  }

  snapshot(): PopularitySnapshot {
    return { keys: this.top(this.capacity), references: this.references };
  }

  /** How often a key may have come that is not held. */
  private leastPossible(): number {
    return this.heap.length < this.capacity ? 0 : this.heap[0]!.count;
  }

  private sink(place: number): void {
    const { heap } = this;
    for (let at = place; ;) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2])
        if (child < heap.length && heap[child]!.count < heap[least]!.count) least = child;
      if (least === at) return;
      this.swap(at, least);
      at = least;
    }
  }

  private rise(place: number): void {
    for (let at = place; at > 0;) {
      const parent = (at - 1) >> 1;
      if (this.heap[parent]!.count <= this.heap[at]!.count) return;
      this.swap(at, parent);
      at = parent;
    }
  }

  private swap(a: number, b: number): void {
    const [first, second] = [this.heap[a]!, this.heap[b]!];
    this.heap[a] = second;
    this.heap[b] = first;
    this.places.set(second.key, a);
    this.places.set(first.key, b);
  }
}
