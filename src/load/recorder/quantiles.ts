/** The quantiles that every report shows. */
export const shownQuantiles = { p50: 0.5, p90: 0.9, p95: 0.95, p99: 0.99, p999: 0.999 } as const;
export type ShownQuantile = keyof typeof shownQuantiles;

/** Beyond a percentile there must be this many samples, or it is little more than a single one of them. */
const samplesBeyond = 10;

/** The rank (from 1) of a quantile among n samples: the smallest that covers the share q, guarded against 0.95 × 20 = 19.000000000000004. */
export function rankOf(q: number, n: number): number {
  return Math.min(n, Math.max(1, Math.ceil(q * n - 1e-9 * n)));
}

export function isSupported(q: number, n: number): boolean {
  return n * (1 - q) >= samplesBeyond - 1e-6;
}
