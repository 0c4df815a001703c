import { everyKey, type ReferenceBatch, type ReferenceSink } from "./contract.ts";
import { KeyTable } from "./key-table.ts";
import { LruStack } from "./lru-stack.ts";
import { denseTally, logTally, type Tally } from "./tally.ts";

/**
 * The stack distances of the keys below a threshold: of all of them the exact curve of an LRU cache, of some of them
 * SHARDS (Waldspurger et al., FAST '15), whose sampled distances are scaled by 1/rate. The difference between the references that were sampled and those that should have been,
 * which is a matter of how many hot keys came in, is put to the shortest distance (SHARDS_adj).
 */
export class StackModel {
  /** Share of the keys that it looks at. */
  rate: number;
  readonly keys = new KeyTable();
  readonly stack: LruStack;
  private readonly distances: Tally;
  private readonly byteDistances: Tally | undefined;
  /** Sampled references that had a distance, scaled as the tallies are. */
  private seen = 0;

  /** @param weighted whether distances in bytes are wanted @param exact whether every distance in entries is kept for itself */
  constructor({ rate, weighted, exact }: { rate: number; weighted: boolean; exact: boolean }) {
    this.rate = rate;
    this.stack = new LruStack({ weighted });
    this.distances = exact ? denseTally() : logTally(256);
    this.byteDistances = weighted ? logTally(exact ? 2048 : 256) : undefined;
  }

  reference(low: number, high: number, bytes: number): void {
    const slot = this.keys.slotOf(low, high);
    const above = this.stack.touch(slot, bytes);
    if (above < 0) return;
    this.seen++;
    // Each of those above stands for 1/rate keys: the middle of the distances that would look like this. At rate 1: above + 1.
    this.distances.add((above + 0.5) / this.rate + 0.5);
    this.byteDistances?.add((this.stack.bytesAbove + bytes / 2) / this.rate + bytes / 2);
  }

  /** Leaves out, from now on and as if ever, keys from this threshold on: what was counted under the old rate counts for less. */
  lower(threshold: number, rate: number): void {
    const by = rate / this.rate;
    this.rate = rate;
    this.distances.scale(by);
    this.byteDistances?.scale(by);
    this.seen *= by;
    for (const slot of this.stack.fromTop()) {
      if (this.keys.low[slot]! >>> 0 < threshold) continue;
      this.stack.remove(slot);
      this.keys.remove(slot);
    }
  }

  /** How many distinct keys there were. */
  distinct(): number {
    return this.keys.size / this.rate;
  }

  /** Bytes of all distinct keys. */
  totalBytes(): number {
    return this.stack.liveBytes / this.rate;
  }

  /** Sampled references that a cache of so many entries or bytes answers; of all of them, `sampled()`. */
  hits(axis: "entries" | "bytes", size: number): number {
    return (axis === "entries" ? this.distances : this.byteDistances!).upTo(size);
  }

  /** Sampled references: those with a distance, and the first one of each key. */
  sampled(): number {
    return this.seen + this.keys.size;
  }
}

/** Every key, every distance. */
export class ExactModel implements ReferenceSink {
  readonly threshold = everyKey;
  references = 0;
  readonly model: StackModel;

  constructor({ weighted }: { weighted: boolean }) {
    this.model = new StackModel({ rate: 1, weighted, exact: true });
  }

  take({ length, low, high, bytes }: ReferenceBatch, references: number): void {
    this.references += references;
    for (let i = 0; i < length; i++) this.model.reference(low[i]!, high[i]!, bytes[i]!);
  }
}
