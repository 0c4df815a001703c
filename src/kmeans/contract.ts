import type { Clock } from "../runtime.ts";
import type { KernelVariant } from "./kernel/contract.ts";

export const metrics = ["l2", "cosine", "dot"] as const;
/**
 * What "near" means. `l2`: squared Euclidean distance. `cosine`: of vectors scaled to length one, 2(1 − cos). `dot`: 2(‖x‖ − x·c) with centroids of length
 * one, which orders as the dot product does, and weighs the cosine by the vector's length.
 */
export type Metric = (typeof metrics)[number];

export const algorithms = ["minibatch", "lloyd", "balanced"] as const;
type Algorithm = (typeof algorithms)[number];

/** Vectors, however they are kept; a data set is one. `rowsOf` rejects where a row is not what the others are. */
export interface RowSource {
  readonly rows: number;
  readonly dim: number;
  /** For messages: a path, a collection. */
  readonly path: string;
  rowsOf(start: number, count: number): Promise<Float32Array[]>;
}

/** Copies of points near a boundary in their second cell. */
export interface SpillSpec {
  /** At most this share of the rows is kept twice. */
  budget: number;
  /** Only rows whose second centroid is at most this many times as far as their own (distances, not their squares). */
  ratio: number;
}

export interface FitSpec {
  shards: number;
  algorithm: Algorithm;
  metric: Metric;
  seed: number;
  /** How far a shard may be above the mean, as a share: `balanced` only. */
  epsilon: number;
  /** Starts, of which the best goes on. */
  restarts: number;
  /** Rows that centroids are fitted on; the others are only assigned. */
  sample: number | "all";
  /** Passes over the sample at most. */
  maxIterations: number;
  /** Rows a step of mini-batch. */
  batch: number;
  spill?: SpillSpec;
  /** How often each row is asked for, where it is known: `balanced` keeps the sums of it below (1 + ε) × their mean too. */
  heat?: Float64Array;
}

export type FitPhase = "read" | "start" | "train" | "balance" | "assign";

export interface FitDeps {
  clock: Clock;
  signal?: AbortSignal;
  /** `done` of `total`, in units of the phase. */
  onProgress?: (phase: FitPhase, done: number, total: number) => void;
  /** Default: as many as there are processors. What is found does not depend on it. */
  threads?: number;
  variant?: KernelVariant;
}
