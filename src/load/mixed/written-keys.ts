/** Keys remembered at most: the last ones. */
const slots = 4096;

/** The memory of a `WrittenKeys`, for all threads of a run. */
export function writtenKeysBytes(): SharedArrayBuffer {
  return new SharedArrayBuffer(4 * (1 + slots));
}

/** The numbers of a run's own points that were acknowledged last, shared by its threads: what upserts have written, fetches read back. */
export class WrittenKeys {
  readonly #cells: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.#cells = new Int32Array(buffer);
  }

  /** Point `n` was acknowledged. */
  add(n: number): void {
    const turn = Atomics.add(this.#cells, 0, 1);
    Atomics.store(this.#cells, 1 + ((turn >>> 0) % slots), n + 1);
  }

  /** One of them. @param random uniform in [0, 1) @returns undefined where there is none yet */
  pick(random: number): number | undefined {
    const known = Math.min(slots, Atomics.load(this.#cells, 0) >>> 0);
    if (known === 0) return undefined;
    const n = Atomics.load(this.#cells, 1 + Math.floor(random * known));
    // Its writer is between the two steps of `add`.
    return n === 0 ? undefined : n - 1;
  }
}
