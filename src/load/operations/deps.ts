import type { Clock, Rng } from "../../runtime.ts";
import type { OnClientEvent } from "../../cluster/events.ts";
import type { Observe } from "../observe.ts";

/** What an operation is built with, on whichever thread it runs. */
export interface OperationDeps {
  clock: Clock;
  /** Monotonic µs: the clock that every timestamp of a run comes from. */
  nowUs: () => number;
  rng: Rng;
  /** Decides which query operation i asks: the same on every thread, and again with the same seed. */
  seed: number;
  /** Workers that share the operations: this one has every stride-th. */
  stride: number;
  timeoutMs: number;
  /** Of this worker. */
  maxInFlight: number;
  /** Who this is, for leases and logs: `load worker 1`. */
  purpose: string;
  /** Takes what each operation asked and got; absent where nobody looks. */
  observe?: Observe;
  /** Takes what the cluster's client makes of its nodes. */
  onClientEvent?: OnClientEvent;
}
