/** A token bucket without a burst, which is a line of that rate: pieces go one after the other, in the order in which they came. */
export interface Bucket {
  readonly bytesPerSec: number;
  /** When the line is free again, µs of a monotonic clock. */
  freeAtUs: number;
}

/** @returns when the last of these bytes is through, µs */
export function reserve(bucket: Bucket, bytes: number, nowUs: number): number {
  bucket.freeAtUs = Math.max(bucket.freeAtUs, nowUs) + (bytes * 1e6) / bucket.bytesPerSec;
  return bucket.freeAtUs;
}

/** Pieces small enough that several connections share a slow line fairly, and large enough to be cheap: what passes in 20 ms. */
export function pieceBytes(bytesPerSec: number): number {
  return Math.min(65_536, Math.max(256, Math.round(bytesPerSec / 50)));
}
