/** A share of the samples, and the value that it does not exceed. */
export interface QuantilePoint {
  /** 0 ≤ q ≤ 1. */
  q: number;
  us: number;
}

/** A mean of ratios with an interval that holds its 95 % one: as wide as it can be for values from 0 to 1 with this mean. */
export interface RatioPoint {
  mean: number;
  low: number;
  high: number;
  n: number;
}

/** A stretch of a run. Latencies in µs, of ok operations that were due in it; null without any, or where nothing is known. */
export interface SeriesPoint {
  /** From the start of the measurement. */
  second: number;
  counts: { scheduled: number; ok: number; errors: number; dropped: number; unfinished: number };
  errorsByCause: Record<string, number>;
  p50Us: number | null;
  p95Us: number | null;
  p99Us: number | null;
  maxUs: number | null;
  lagP99Us: number | null;
  /** By node. */
  nodes: Record<string, { requests: number; errors: number; p50Us: number | null; p99Us: number | null }>;
  /** By name: `recall@10`. */
  ratios: Record<string, RatioPoint>;
  /** p95 of times measured beside the latency, by name: `freshness`. */
  timesP95Us: Record<string, number | null>;
}

/** What the charts of a run need beyond its result: stretches of equal length, and the curve of the distribution. */
export interface LoadSeries {
  /** Length of each point. */
  everySeconds: number;
  totalSeconds: number;
  /** One for each stretch, gaps included. */
  points: SeriesPoint[];
  /** True: each point's percentiles are of all its samples. False: without histograms, they are those of its worst window. */
  exact: boolean;
  response: QuantilePoint[];
  service: QuantilePoint[];
}
