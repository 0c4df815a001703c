import { deflateSync, inflateSync } from "node:zlib";
import { build, initWebAssembly, WasmHistogram, type Histogram } from "hdr-histogram-js";
import { isSupported, rankOf, shownQuantiles, type ShownQuantile } from "./quantiles.ts";

/** One hour in µs: whatever takes longer was ended by a timeout before. */
const highestUs = 3_600_000_000;

/** HdrHistogram's V2 compressed encoding: this word, the length of what follows, and the V2 encoding, deflated. */
const compressedCookie = 0x1c84_9314;
const headerBytes = 8;

/** `n` samples of integer µs. With no samples the figures are null. `unsupported` names the percentiles that too few samples carry. */
export interface LatencySummary extends Record<ShownQuantile, number | null> {
  n: number;
  min: number | null;
  mean: number | null;
  max: number | null;
  unsupported: ShownQuantile[];
}

/** A histogram as files hold it: its exact extremes and sum, the percentiles of a plot, and the counts (HdrHistogram V2, compressed, base64, µs). */
export interface EncodedLatency {
  n: number;
  min: number;
  max: number;
  sum: number;
  p50: number;
  p95: number;
  p99: number;
  /** Absent where only the figures were kept. */
  hdr?: string;
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
    // The library's own packing (pako) leaves a quarter of a megabyte of garbage each time; zlib gives its memory back at once.
    const packed = deflateSync((this.#counts as WasmHistogram).encode());
    const header = Buffer.alloc(headerBytes);
    header.writeInt32BE(compressedCookie, 0);
    header.writeInt32BE(packed.length, 4);
    return Buffer.concat([header, packed]).toString("base64");
  }

  /** Undefined without samples. */
  encoded(): EncodedLatency | undefined {
    if (this.#n === 0) return undefined;
    const [p50, p95, p99] = [0.5, 0.95, 0.99].map((q) => this.quantile(q)!) as [number, number, number];
    return { n: this.#n, min: this.#minUs, max: this.#maxUs, sum: this.#sumUs, p50, p95, p99, hdr: this.encode() };
  }

  /** As `add`, of a histogram from a file. */
  addEncoded({ n, min, max, sum, hdr }: EncodedLatency & { hdr: string }): void {
    const other = WasmHistogram.decode(inflateSync(Buffer.from(hdr, "base64").subarray(headerBytes)), 32);
    this.#counts.add(other);
    other.destroy();
    this.#n += n;
    this.#sumUs += sum;
    this.#minUs = Math.min(this.#minUs, min);
    this.#maxUs = Math.max(this.#maxUs, max);
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
