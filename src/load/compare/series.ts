/**
 * What a comparison needs of a run, independent of how its histograms are stored. Latencies are µs, rates per second.
 */
export interface CompareWindow {
  /** From the start of the measured part. */
  startMs: number;
  counts: WindowCounts;
  /** Response times of the `ok` operations: distinct values and how often each was seen. */
  latencyUs: { values: ArrayLike<number>; counts: ArrayLike<number> };
  /** Queries with known truth in this window, and the sum of their recalls (0 … 1 each). */
  recall?: { n: number; sum: number };
}

interface WindowCounts {
  ok: number;
  /** Answered wrongly, refused, timed out, or not finished. */
  errors: number;
  /** Scheduled and never sent. */
  dropped: number;
}

/** One run: its windows in order of time, all of `windowMs` (the last may be cut short by `durationMs`). */
export interface RunSeries {
  name: string;
  windowMs: number;
  durationMs: number;
  windows: readonly CompareWindow[];
  /** What was asked for; absent for closed-loop runs. */
  targetPerSec?: number;
  /** What must be equal for figures to be comparable: data set, collection, k, ef, topology, nodes, hash of the profile, … */
  conditions: Readonly<Record<string, string | number | boolean | null>>;
  /** Set when the run's own verdict was inconclusive: why, in a clause. */
  inconclusive?: string;
}
