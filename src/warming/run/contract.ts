import type { Objection } from "../pace/controller.ts";

/** Where answers come from. */
export interface WarmBackend {
  /**
   * Vectors of these queries, undefined of those that the embedder will not take. Absent: an endpoint embeds by itself.
   * @throws RagctlError where the embedder cannot be reached
   */
  embed?(queries: readonly string[]): Promise<(Float32Array | undefined)[]>;
  /** Which part of the store a search of this vector asks, where it is not all of it. */
  placeOf?(vector: Float32Array): string | undefined;
  /** Answers one query. @throws RagctlError */
  answer(query: string, vector: Float32Array | undefined, signal: AbortSignal): Promise<WarmAnswer>;
}

interface WarmAnswer {
  /** What is to be stored; undefined where the answering application has stored it itself. */
  result: Buffer | undefined;
}

/** The cache, as warming sees it. */
export interface WarmCache {
  /** Which of these are held for long enough yet, and what vectors are held. Never throws: what cannot be asked is not held. */
  look(queries: readonly string[]): Promise<{ fresh: boolean; vector?: Float32Array }[]>;
  /** @throws RagctlError where it is not in the shared cache */
  store(query: string, answer: { result: Buffer; vector: Float32Array | undefined; computeUs: number }): Promise<void>;
  /** Keys evicted since ever, by all primaries; undefined where that is not known now. */
  evictions(): Promise<number | undefined>;
}

/** What became of one query. */
export type ItemState = "warmed" | "skipped" | "failed";

/** A quarter of a second of a run: what a chart shows. */
export interface PaceSample {
  /** Since the run's start. */
  atMs: number;
  /** That the pacer allowed in it. */
  ratePerSec: number;
  /** Searches that ended in it, and the 99th percentile of their times; null where there were none. */
  searches: number;
  p99Us: number | null;
  objection: Objection | null;
}

export interface RunProgress {
  done: number;
  warmed: number;
  skipped: number;
  failed: number;
  ratePerSec: number;
  objection: Objection | undefined;
}

export interface RunOutcome {
  warmed: number;
  skipped: number;
  failed: number;
  /** Queries that were tried more than once, attempts beyond the first ones, and why. */
  retried: { queries: number; attempts: number; reasons: { reason: string; count: number }[] };
  /** Why queries failed in the end. */
  failures: { reason: string; count: number }[];
  stopped: "done" | "time" | "cache-full" | "interrupted";
  series: PaceSample[];
  /** Windows in which each had objected. */
  objections: Partial<Record<Objection, number>>;
  evicted: number;
  elapsedMs: number;
}
