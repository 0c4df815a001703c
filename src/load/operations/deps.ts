import type { Clock, Rng } from "../../runtime.ts";

/** What an operation is built with, on whichever thread it runs. */
export interface OperationDeps {
  clock: Clock;
  /** Monotonic µs: the clock that every timestamp of a run comes from. */
  nowUs: () => number;
  rng: Rng;
  /** Decides which query operation i asks: the same on every thread, and again with the same seed. */
  seed: number;
  timeoutMs: number;
  /** Of this worker. */
  maxInFlight: number;
  /** Who this is, for leases and logs: `load worker 1`. */
  purpose: string;
}
