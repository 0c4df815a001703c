import type { Clock } from "../../src/runtime.ts";

interface Waiter {
  atMs: number;
  order: number;
  wake: () => void;
}

/** A clock that moves only when told to; sleepers wake in order of time, then of arrival. */
export class SimClock implements Clock {
  #nowMs: number;
  #waiters: Waiter[] = [];
  #order = 0;

  constructor(startMs = 1_700_000_000_000) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicUs(): number {
    return this.#nowMs * 1000;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const waiter: Waiter = { atMs: this.#nowMs + Math.max(0, ms), order: this.#order++, wake: resolve };
      this.#waiters.push(waiter);
      signal?.addEventListener(
        "abort",
        () => {
          this.#waiters = this.#waiters.filter((other) => other !== waiter);
          reject(signal.reason);
        },
        { once: true },
      );
    });
  }

  /** Moves time on by `ms`, waking everyone whose time has come and letting what they start run. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    for (;;) {
      await settle();
      const next = this.#waiters
        .filter((waiter) => waiter.atMs <= endMs)
        .toSorted((a, b) => a.atMs - b.atMs || a.order - b.order)[0];
      if (!next) break;
      this.#waiters = this.#waiters.filter((waiter) => waiter !== next);
      this.#nowMs = next.atMs;
      next.wake();
    }
    this.#nowMs = endMs;
    await settle();
  }
}

/** Lets pending promise reactions run. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}
