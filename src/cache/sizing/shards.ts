import { everyKey, type ReferenceBatch, type ReferenceSink } from "./contract.ts";
import { StackModel } from "./stack-model.ts";

/** Disjoint parts of the sample, by which its error is judged. */
export const groups = 8;

/** The part that a key is in: by bits that neither the threshold nor the key tables look at. */
export function groupOf(high: number): number {
  return high >>> 29;
}

/**
 * SHARDS over a stream. With a fixed rate, memory grows with the number of distinct keys; with `keys`, the rate falls from 1 whenever there are more than
 * that, so memory is bounded whatever the trace. Beside the whole sample, each of eight parts of it has a curve of its own: how these
 * differ tells the error, without knowing the truth.
 */
export class ShardsModel implements ReferenceSink {
  threshold: number;
  references = 0;
  sampledReferences = 0;
  readonly whole: StackModel;
  readonly parts: StackModel[];
  private readonly mostKeys: number;

  constructor({ rate, keys, weighted }: { rate: number; keys?: number; weighted: boolean }) {
    this.threshold = Math.max(1, Math.round(rate * everyKey));
    this.mostKeys = keys ?? Infinity;
    this.whole = new StackModel({ rate: this.rate, weighted, exact: false });
    this.parts = Array.from({ length: groups }, () => new StackModel({ rate: this.rate / groups, weighted, exact: false }));
  }

  get rate(): number {
    return this.threshold / everyKey;
  }

  take({ length, low, high, bytes }: ReferenceBatch, references: number): void {
    this.references += references;
    for (let i = 0; i < length; i++) {
      if (low[i]! >>> 0 >= this.threshold) continue;
      this.sampledReferences++;
      this.whole.reference(low[i]!, high[i]!, bytes[i]!);
      this.parts[groupOf(high[i]!)]!.reference(low[i]!, high[i]!, bytes[i]!);
      if (this.whole.keys.size > this.mostKeys) this.lower();
    }
  }

  /** Gives up the sixteenth of the keys that hash highest: one by one, as the paper has it, each would cost a pass over the tallies. */
  private lower(): void {
    const { keys, stack } = this.whole;
    const hashes = new Uint32Array(keys.size);
    let count = 0;
    for (const slot of stack.fromTop()) hashes[count++] = keys.low[slot]!;
    hashes.sort();
    this.threshold = hashes[Math.floor(hashes.length * (15 / 16))]!;
    this.whole.lower(this.threshold, this.rate);
    for (const part of this.parts) part.lower(this.threshold, this.rate / groups);
  }
}

/**
 * The standard error of a mean of parts that are drawn alike (random groups).
 * @returns zero of fewer than two
 */
export function standardError(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return Math.sqrt(squares / (values.length * (values.length - 1)));
}
