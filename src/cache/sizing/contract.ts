/** References to a cache, as columns: `length` of them are filled. A key is known by its 64-bit hash, in two lanes. */
export interface ReferenceBatch {
  length: number;
  low: Int32Array;
  high: Int32Array;
  /** What the entry takes in the cache. */
  bytes: Float64Array;
  /** µs since any origin; zero where the trace has no times. */
  timeUs: Float64Array;
}

/** What takes references in. A key is sampled when its low lane, unsigned, is below `threshold` (2^32: every key). */
export interface ReferenceSink {
  /** References to keys at or above it need not be passed on, only counted. It never rises. */
  readonly threshold: number;
  /**
   * @param batch filled anew for each call: nothing of it may be kept
   * @param references how many were read for this batch, those that were left out with them
   */
  take(batch: ReferenceBatch, references: number): void;
}

/** Every key is sampled. */
export const everyKey = 2 ** 32;

export const batchLength = 8192;

export function emptyBatch(): ReferenceBatch {
  return {
    length: 0,
    low: new Int32Array(batchLength),
    high: new Int32Array(batchLength),
    bytes: new Float64Array(batchLength),
    timeUs: new Float64Array(batchLength),
  };
}
