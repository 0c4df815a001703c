import type { MessagePort } from "node:worker_threads";
import type { ClientEvent } from "../../cluster/events.ts";
import type { RagctlErrorOptions } from "../../errors.ts";
import type { ScenarioSpec, ScheduleSpec } from "../contract.ts";
import type { ObservedOperation } from "../observe.ts";
import type { SampleChunk } from "../recorder/samples.ts";

export interface WorkerStart {
  scenario: ScenarioSpec;
  worker: number;
  slowUs: number;
  wake: SharedArrayBuffer;
  /** The pacer posts here; a closed loop has none. */
  alarm: MessagePort | undefined;
  /** Report each operation, as far as it tells. */
  observe: boolean;
}

export interface PacerStart {
  schedule: ScheduleSpec;
  workers: number;
  wake: SharedArrayBuffer;
  alarms: MessagePort[];
}

/** Main to worker and to pacer. `startUs`: monotonic time of offset 0 of the schedule. */
export type Command =
  | { type: "go"; startUs: number }
  | { type: "stop" }
  | { type: "abandon" }
  /** To a worker: records that have been read, to be filled again. */
  | { type: "recycle"; records: Uint32Array<ArrayBuffer> };

export interface WorkerReport {
  /** Share of the run that the event loop was busy; processor time as a share of one core, where the platform tells. */
  busy: number;
  cpu: number | null;
  /** From the pacer's message until the loop took it: what a request waits for the loop. */
  eventLoopDelayUs: { p50: number | null; p99: number | null; max: number | null };
  connectionsOpened: number | null;
  /** Pauses for collecting garbage. */
  gc: { share: number; longestUs: number; count: number };
  /** Monotonic, of operations that count; 0 when there were none. */
  lastSentUs: number;
  lastEndUs: number;
}

export interface PacerReport {
  /** Processor time as a share of one core, from the first to the last operation; null where the platform does not tell. */
  cpu: number | null;
  /** Messages posted. */
  wakes: number;
  /** µs by which sleeps ended later than asked, smoothed. */
  oversleepUs: number;
  /** µs that each wake-up spun on average. */
  spinUs: number;
}

/** A RagctlError on its way between threads. */
interface ThrownRagctlError {
  message: string;
  options: Omit<RagctlErrorOptions, "cause">;
}

export type FromWorker =
  | { type: "ready" }
  | { type: "samples"; chunk: SampleChunk }
  | { type: "observed"; operations: ObservedOperation[] }
  | { type: "client"; events: ClientEvent[] }
  | { type: "done"; report: WorkerReport }
  | { type: "failed"; error: ThrownRagctlError };

export type FromPacer = { type: "ready" } | { type: "done"; report: PacerReport };
