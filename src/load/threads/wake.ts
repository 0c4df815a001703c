/**
 * The memory that pacer, workers and main thread share.
 *
 * A worker is *armed* when it waits to be told. The pacer disarms it with the message it posts, and does not post again until the worker
 * has armed itself: however late a worker is, at most one message waits for it.
 */
export interface WakeBoard {
  /** Set to 1, and notified, to end the pacer. */
  readonly stop: Int32Array;
  readonly armed: Int32Array;
  /** Monotonic µs at which the pacer last posted, per worker. */
  readonly postedUs: Float64Array;
  /** What the last message took, per worker, µs. */
  readonly wakeUs: Int32Array;
}

/** Bytes of the shared buffer of a run. */
export function wakeBytes(workers: number): number {
  return 16 + 16 * workers;
}

export function wakeBoard(shared: SharedArrayBuffer, workers: number): WakeBoard {
  return {
    stop: new Int32Array(shared, 0, 1),
    postedUs: new Float64Array(shared, 16, workers),
    armed: new Int32Array(shared, 16 + 8 * workers, workers),
    wakeUs: new Int32Array(shared, 16 + 12 * workers, workers),
  };
}
