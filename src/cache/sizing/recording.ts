import { everyKey, type ReferenceBatch, type ReferenceSink } from "./contract.ts";
import { grown, KeyTable } from "./key-table.ts";

/** The references to the keys of a sample in their order, for replaying. */
export interface Recording {
  /** Share of the keys that are in it. */
  rate: number;
  length: number;
  slots: Int32Array;
  bytes: Float64Array;
  timeUs: Float64Array;
  /** One more than the highest slot. */
  slotCount: number;
  /** By slot: the high lane of its hash. */
  high: Int32Array;
}

/**
 * Records a trace for the policies that must be simulated. Where there are more references than `most`, the rate of sampling is halved, as often as it takes:
 * a trace that is small enough stays whole.
 */
export class Recorder implements ReferenceSink {
  threshold: number;
  references = 0;
  private readonly most: number;
  private readonly keys = new KeyTable();
  private slots = new Int32Array(1024);
  private bytes = new Float64Array(1024);
  private timeUs = new Float64Array(1024);
  private length = 0;

  constructor({ rate, most }: { rate: number; most: number }) {
    this.threshold = Math.max(1, Math.round(rate * everyKey));
    this.most = most;
  }

  take({ length, low, high, bytes, timeUs }: ReferenceBatch, references: number): void {
    this.references += references;
    for (let i = 0; i < length; i++) {
      if (low[i]! >>> 0 >= this.threshold) continue;
      if (this.length >= this.most) this.halve();
      if (low[i]! >>> 0 >= this.threshold) continue;
      const at = this.length++;
      if (at >= this.slots.length) {
        this.slots = grown(this.slots, at + 1);
        this.bytes = grown(this.bytes, at + 1);
        this.timeUs = grown(this.timeUs, at + 1);
      }
      this.slots[at] = this.keys.slotOf(low[i]!, high[i]!);
      this.bytes[at] = bytes[i]!;
      this.timeUs[at] = timeUs[i]!;
    }
  }

  recording(): Recording {
    const { length, slots, bytes, timeUs, keys } = this;
    return { rate: this.threshold / everyKey, length, slots, bytes, timeUs, slotCount: keys.slots, high: keys.high };
  }

  private halve(): void {
    while (this.length >= this.most && this.threshold > 1) {
      this.threshold = Math.ceil(this.threshold / 2);
      let kept = 0;
      for (let at = 0; at < this.length; at++) {
        const slot = this.slots[at]!;
        if (this.keys.low[slot]! >>> 0 >= this.threshold) continue;
        this.slots[kept] = slot;
        this.bytes[kept] = this.bytes[at]!;
        this.timeUs[kept++] = this.timeUs[at]!;
      }
      this.length = kept;
      for (let slot = 0; slot < this.keys.slots; slot++)
        if (this.keys.low[slot]! >>> 0 >= this.threshold && this.keys.holds(slot)) this.keys.remove(slot);
    }
  }
}

/** Only the references to keys that this is true of; `rate` is the share of them. */
export function partOf(recording: Recording, share: number, keep: (slot: number) => boolean): Recording {
  const slots = new Int32Array(recording.length);
  const bytes = new Float64Array(recording.length);
  const timeUs = new Float64Array(recording.length);
  let length = 0;
  for (let at = 0; at < recording.length; at++) {
    const slot = recording.slots[at]!;
    if (!keep(slot)) continue;
    slots[length] = slot;
    bytes[length] = recording.bytes[at]!;
    timeUs[length++] = recording.timeUs[at]!;
  }
  return { ...recording, rate: recording.rate * share, length, slots, bytes, timeUs };
}
