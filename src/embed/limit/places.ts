import type { RateWindow } from "./contract.ts";

/**
 * The places of a rate. A request takes one before it is sent, and gives it back when it was answered; the place is free one
 * window later. So of two requests in one place, the second is sent a whole window after the first had arrived, however long
 * either was on its way: the other side never sees more than `places` in any window. A token bucket, or a window that
 * begins anew each second, lets up to twice as many through across its edge.
 */
export class Places {
  readonly #window: RateWindow;
  /** When each place that is taken becomes free, ms; infinite while its request is out. */
  readonly #freeAt = new Map<number, number>();
  #next = 0;

  constructor(window: RateWindow) {
    this.#window = window;
  }

  /** Takes a place: its number, or how long to wait before asking again (infinite: until one is given back). */
  take(nowMs: number, leaseMs = Infinity): { place: number } | { waitMs: number } {
    for (const [place, freeAt] of this.#freeAt) if (freeAt <= nowMs) this.#freeAt.delete(place);
    if (this.#freeAt.size >= this.#window.places) return { waitMs: Math.min(...this.#freeAt.values()) - nowMs };
    const place = this.#next++;
    this.#freeAt.set(place, nowMs + leaseMs);
    return { place };
  }

  giveBack(place: number, nowMs: number): void {
    if (this.#freeAt.has(place)) this.#freeAt.set(place, nowMs + this.#window.windowMs);
  }
}
