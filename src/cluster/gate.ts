/** How many requests of one node may be under way, and how many may wait for their turn. */
export interface GateLimits {
  maxInFlight: number;
  maxWaiting: number;
}

/** A turn at a node: at once, after a wait (false: it took too long), or not at all, because too many wait already. */
export type Turn = true | Promise<boolean> | false;

interface Waiting {
  enter(entered: boolean): void;
}

/**
 * One node's door (ROUTING.md, "Per-node concurrency limits"): so many inside, so many waiting in the order in which they came, and whoever
 * comes then is turned away, before a queue forms that nobody would outlive.
 */
export class Gate {
  readonly #limits: GateLimits;
  readonly #after: (ms: number, run: () => void) => () => void;
  readonly #waiting: Waiting[] = [];
  #inside = 0;

  /** @param after runs something later, unless its result is called first */
  constructor(limits: GateLimits, after: (ms: number, run: () => void) => () => void) {
    this.#limits = limits;
    this.#after = after;
  }

  get inside(): number {
    return this.#inside;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Whether somebody who comes now would be let in at once. */
  get free(): boolean {
    return this.#inside < this.#limits.maxInFlight;
  }

  /** Whether somebody who comes now would be let in, or at least may wait. */
  get open(): boolean {
    return this.#inside < this.#limits.maxInFlight || this.#waiting.length < this.#limits.maxWaiting;
  }

  /**
   * Whoever got in calls `leave`.
   * @param must waits however many do: for what has begun at other nodes already
   */
  enter(waitMs: number, must = false): Turn {
    if (this.#inside < this.#limits.maxInFlight) {
      this.#inside++;
      return true;
    }
    if (!must && this.#waiting.length >= this.#limits.maxWaiting) return false;
    return new Promise((resolve) => {
      const waiting: Waiting = {
        enter: (entered) => {
          cancel();
          resolve(entered);
        },
      };
      const cancel = this.#after(waitMs, () => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        resolve(false);
      });
      this.#waiting.push(waiting);
    });
  }

  leave(): void {
    const next = this.#waiting.shift();
    // The place passes on, so that nobody who comes now is faster than those who wait.
    if (next) next.enter(true);
    else this.#inside--;
  }
}
