const counterSpan = 4096;

/** A hybrid logical clock: milliseconds × 4096 + counter, always above any version given out or seen. Fits 2^53 until the year 2039. */
export class VersionClock {
  #last = 0;
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  next(): number {
    this.#last = Math.max(Math.floor(this.#nowMs()) * counterSpan, this.#last + 1);
    return this.#last;
  }

  /** A version that came from somewhere else. */
  saw(version: number | undefined): void {
    if (version !== undefined && version > this.#last && Number.isSafeInteger(version)) this.#last = version;
  }
}

/** When a version was given out, ms since the epoch. */
export function versionTimeMs(version: number): number {
  return Math.floor(version / counterSpan);
}
