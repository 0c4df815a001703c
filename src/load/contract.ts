import type { ClusterConfig } from "../config/schema.ts";
import type { PreparedRequest } from "../http/contract.ts";
import type { NodeOutcome } from "../cluster/contract.ts";

/**
 * When each operation is due: a closed formula of its index, never of what happened before. Times are µs after the
 * run's start; operations due before `warmupUs` are warm-up and enter no count.
 */
export interface Schedule {
  /** Operations in all, warm-up included. */
  readonly total: number;
  readonly warmupUs: number;
  /** Where the counted part ends. */
  readonly endUs: number;
  /** Not decreasing in `index`, 0 ≤ index < total. */
  intendedUs(index: number): number;
}

/** A schedule as plain data, so that every thread can build the same one. */
export interface ConstantRateSpec {
  kind: "constant-arrival-rate";
  ratePerSec: number;
  warmupUs: number;
  durationUs: number;
}
export type ScheduleSpec = ConstantRateSpec;

/** One raw request, sent again and again. */
export interface HttpOperationSpec {
  kind: "http";
  origin: string;
  request: Omit<PreparedRequest, "kind" | "body"> & { body?: Uint8Array };
}

/** One search of a cluster: the bytes are prepared before the clock starts. */
export interface SearchOperationSpec {
  kind: "search";
  cluster: ClusterConfig;
  collection: string;
  k: number;
  ef?: number;
  /** `count` query vectors of `dim` floats, one after the other, shared by all workers. */
  queries: { vectors: SharedArrayBuffer; dim: number; count: number };
  choice: "uniform" | "sequential";
  /** Whether an answer that misses part of the hash space counts as ok. */
  partialIsOk: boolean;
  /** For the client's relative paths (state file). */
  cwd: string;
}
export type OperationSpec = HttpOperationSpec | SearchOperationSpec;

/** What a run is made of; everything in it can cross a thread boundary. */
export interface LoadSpec {
  schedule: ScheduleSpec;
  operation: OperationSpec;
  workers: number;
  timeoutUs: number;
  maxInFlight: number;
  thresholds: ThresholdInput[];
  seed: number;
}

/** A threshold as written, and who wrote it. */
export interface ThresholdInput {
  expression: string;
  source: "flag" | "objective" | "default";
}

/** Why an operation was never sent. `in-flight-target`: over the cap because the target was slow; the rest is the generator's. */
export const dropCauses = ["in-flight-target", "in-flight-generator", "late", "sockets"] as const;
export type DropCause = (typeof dropCauses)[number];

/** One operation under way. The operation settles it exactly once; later calls are ignored. */
export interface Ticket {
  readonly index: number;
  /** Monotonic µs, as everything here. */
  readonly intendedUs: number;
  /** Set by the operation when the request is on its socket; undefined until then. */
  sentUs: number | undefined;
  /** Set by the operation: stops what is under way after a timeout or a second Ctrl-C. */
  canceller: { cancel(): void } | undefined;
  /**
   * @param endUs the last byte
   * @param cause undefined: ok; else why not (`timeout`, `reset`, `status-503`, `partial`)
   * @param requests what was asked of each node, where one operation is several requests
   */
  settle(endUs: number, cause: string | undefined, requests?: readonly NodeOutcome[]): void;
  /** Never left because this machine could not send it (no sockets): counts as dropped. */
  drop(cause: DropCause): void;
}

export interface Operation {
  /** Sends, without waiting; whatever goes wrong ends in `ticket.settle` or `ticket.drop`. */
  start(ticket: Ticket): void;
  close(): Promise<void>;
  /** Connections opened so far, where the operation knows. */
  connectionsOpened?(): number;
}
