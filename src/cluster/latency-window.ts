const size = 256;
const sortEvery = 32;

/** The last 256 response times of one node, for a quantile of them that costs nearly nothing to keep. */
export class LatencyWindow {
  readonly #last = new Float64Array(size);
  #count = 0;
  #p95 = Number.NaN;

  record(latencyUs: number): void {
    this.#last[this.#count++ % size] = latencyUs;
    if (this.#count % sortEvery === 0) {
      const sorted = this.#last.slice(0, Math.min(this.#count, size)).sort();
      this.#p95 = sorted[Math.ceil(sorted.length * 0.95) - 1]!;
    }
  }

  /** NaN before there are enough to speak of: 64. As of at most 31 answers ago. */
  get p95Us(): number {
    return this.#count < 2 * sortEvery ? Number.NaN : this.#p95;
  }
}
