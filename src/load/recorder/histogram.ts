import { build, encodeIntoCompressedBase64, initWebAssembly, type Histogram } from "hdr-histogram-js";

/** One hour in µs: whatever takes longer was ended by a timeout before. */
const highestUs = 3_600_000_000;

/** The quantiles that every report shows. */
export const shownQuantiles = { p50: 0.5, p90: 0.9, p95: 0.95, p99: 0.99, p999: 0.999 } as const;
export type ShownQuantile = keyof typeof shownQuantiles;

/** Beyond a percentile there must be this many samples, or it is little more than a single one of them. */
const samplesBeyond = 10;

/** `n` samples of integer µs. With no samples the figures are null. `unsupported` names the percentiles that too few samples carry. */
export interface LatencySummary extends Record<ShownQuantile, number | null> {
  n: number;
  min: number | null;
  mean: number | null;
  max: number | null;
  unsupported: ShownQuantile[];
}

/** Once, before the first `LatencyHistogram`. */
export async function prepareHistograms(): Promise<void> {
  await initWebAssembly();
}

/** HDR histogram of integer µs with three significant digits; extremes and sum are kept exactly beside it. */
export class LatencyHistogram {
  readonly #counts: Histogram;
  #n = 0;
  #minUs = Number.POSITIVE_INFINITY;
  #maxUs = 0;
  #sumUs = 0;

  constructor() {
    this.#counts = build({
      bitBucketSize: 32,
      autoResize: false,
      lowestDiscernibleValue: 1,
      highestTrackableValue: highestUs,
      numberOfSignificantValueDigits: 3,
      useWebAssembly: true,
    });
  }

  get n(): number {
    return this.#n;
  }

  /** @param us 0 to one hour, rounded to a whole number; what lies outside is taken for the nearer end */
  record(us: number): void {
    const value = Math.min(highestUs, Math.max(0, Math.round(us)));
    this.#counts.recordValue(value);
    this.#n++;
    this.#sumUs += value;
    if (value < this.#minUs) this.#minUs = value;
    if (value > this.#maxUs) this.#maxUs = value;
  }

  /** Afterwards this holds the union of the samples of both. */
  add(other: LatencyHistogram): void {
    this.#counts.add(other.#counts);
    this.#n += other.#n;
    this.#sumUs += other.#sumUs;
    this.#minUs = Math.min(this.#minUs, other.#minUs);
    this.#maxUs = Math.max(this.#maxUs, other.#maxUs);
  }

  /** The value of the sample with this rank, 1 ≤ rank ≤ n, in ascending order: within 0.1 %, never above the exact maximum. */
  atRank(rank: number): number {
    return Math.max(this.#minUs, Math.min(this.#maxUs, this.#counts.getValueAtPercentile(((rank - 0.5) / this.#n) * 100)));
  }

  /** The smallest value that at least this share of the samples does not exceed; undefined without samples. */
  quantile(q: number): number | undefined {
    return this.#n === 0 ? undefined : this.atRank(rankOf(q, this.#n));
  }

  summary(): LatencySummary {
    const n = this.#n;
    const quantiles = Object.entries(shownQuantiles) as [ShownQuantile, number][];
    return {
      n,
      min: n ? this.#minUs : null,
      mean: n ? Math.round(this.#sumUs / n) : null,
      ...(Object.fromEntries(quantiles.map(([name, q]) => [name, this.quantile(q) ?? null])) as Record<
        ShownQuantile,
        number | null
      >),
      max: n ? this.#maxUs : null,
      unsupported: quantiles.filter(([, q]) => !isSupported(q, n)).map(([name]) => name),
    };
  }

  /** HdrHistogram's own V2 compressed form, in base64: what other tools read, and what comparisons work on. */
  encode(): string {
    return encodeIntoCompressedBase64(this.#counts);
  }

  reset(): void {
    this.#counts.reset();
    this.#n = 0;
    this.#sumUs = 0;
    this.#minUs = Number.POSITIVE_INFINITY;
    this.#maxUs = 0;
  }

  /** WebAssembly memory is not collected: whoever made it gives it back. */
  destroy(): void {
    this.#counts.destroy();
  }
}

/** The rank (from 1) of a quantile among n samples: the smallest that covers the share q, guarded against 0.95 × 20 = 19.000000000000004. */
export function rankOf(q: number, n: number): number {
  return Math.min(n, Math.max(1, Math.ceil(q * n - 1e-9 * n)));
}

export function isSupported(q: number, n: number): boolean {
  return n * (1 - q) >= samplesBeyond - 1e-6;
}
