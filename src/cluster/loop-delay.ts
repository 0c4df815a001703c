import { runAfter, type Clock } from "../runtime.ts";

const tickMs = 50;

/**
 * How late this process comes to its own timers, while somebody wants to know: what it has not heard in that time, it may have been too busy to hear. One timer for
 * all who ask, and none while nobody does.
 */
export class LoopDelay {
  readonly #clock: Clock;
  readonly #watchers = new Set<{ greatestMs: number }>();
  #dueUs = 0;
  #ticking = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** From now on. @returns ends it, and says how late a timer came at most, or still is, ms */
  watch(): () => number {
    const watcher = { greatestMs: 0 };
    this.#watchers.add(watcher);
    if (!this.#ticking) this.#tick();
    return () => {
      // One that is due and has not run yet is as late as it is by now.
      watcher.greatestMs = Math.max(watcher.greatestMs, this.#lateMs());
      this.#watchers.delete(watcher);
      return watcher.greatestMs;
    };
  }

  #lateMs(): number {
    return (this.#clock.monotonicUs() - this.#dueUs) / 1000;
  }

  #tick(): void {
    this.#ticking = true;
    this.#dueUs = this.#clock.monotonicUs() + tickMs * 1000;
    runAfter(this.#clock, tickMs, () => {
      this.#ticking = false;
      const lateMs = this.#lateMs();
      for (const watcher of this.#watchers) watcher.greatestMs = Math.max(watcher.greatestMs, lateMs);
      if (this.#watchers.size > 0) this.#tick();
    });
  }
}
