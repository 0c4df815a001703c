import type { NodeOutcome } from "../../cluster/contract.ts";
import type { DropCause } from "../contract.ts";

/** One operation that was sent and has ended. Times in µs. */
export interface SettledSample {
  window: number;
  /** Undefined: ok. */
  cause: string | undefined;
  responseUs: number;
  serviceUs: number;
  /** Undefined when nothing was sent. */
  lagUs: number | undefined;
  /** What the cache said: `hit`, `miss`. */
  cache?: string | undefined;
}

/** Where the measurements of one scenario go. `window`: the tenth of a second that the operation was due in, −1 in warm-up (`windowOf`). */
export interface SampleSink {
  settled(sample: SettledSample): void;
  dropped(window: number, cause: DropCause): void;
  unfinished(window: number): void;
  request(window: number, request: NodeOutcome): void;
  /**
   * Whatever else an operation measures: `recall@K` is a ratio, 0 to 1; every other name is a time in µs (`freshness`, `firstToken`),
   * where Infinity says that it never came.
   */
  measured(window: number, name: string, value: number): void;
}

/** Whether a measure is a ratio; the others are times. */
export function isRatio(measure: string): boolean {
  return measure.startsWith("recall@");
}
