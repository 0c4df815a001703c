/** How many requests of one node may be under way, and how many may wait for their turn. */
export interface GateLimits {
  maxInFlight: number;
  maxWaiting: number;
}

/** A turn at a node: at once, after a wait (false: it took too long, or too many came after it), or not at all. */
export type Turn = true | Promise<boolean>;

interface Waiting {
  /** Has begun at other nodes already: it is not turned away for those who come later. */
  readonly must: boolean;
  enter(entered: boolean): void;
}

/** The limit never falls below this many: a node that is only far away needs as many, and one that is well again must be able to show it. */
const leastInFlight = 16;
const cut = 0.7;
const raise = 0.1;
/** What a node needs at best, as of late: an answer that took three times as long waited for others. */
const waited = 3;
const bestFades = 1.005;

/**
 * One node's door (ROUTING.md, "Per-node concurrency limits"): so many inside, so many waiting. How many may be inside follows what
 * the node can do: fewer each time answers take long, more with each that does not. Whoever came last goes first, and whoever came
 * first is turned away when too many wait: in an overload those are answered for whom there is time left, instead of nobody.
 */
export class Gate {
  readonly #limits: GateLimits;
  readonly #after: (ms: number, run: () => void) => () => void;
  readonly #waiting: Waiting[] = [];
  #limit: number;
  #cutAtUs = -Infinity;
  #bestUs = Infinity;
  #inside = 0;

  /** @param after runs something later, unless its result is called first */
  constructor(limits: GateLimits, after: (ms: number, run: () => void) => () => void) {
    this.#limits = limits;
    this.#limit = limits.maxInFlight;
    this.#after = after;
  }

  get inside(): number {
    return this.#inside;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Requests that may be under way now. */
  get limit(): number {
    return Math.floor(this.#limit);
  }

  /** Whether somebody who comes now would be let in at once. */
  get free(): boolean {
    return this.#inside < this.limit;
  }

  /** Whether somebody who comes now would be let in, or can wait without anybody having to go. */
  get open(): boolean {
    return this.free || this.#waiting.length < this.#limits.maxWaiting;
  }

  /** Whoever got in calls `leave`. */
  enter(waitMs: number, must = false): Turn {
    if (this.free) {
      this.#inside++;
      return true;
    }
    return new Promise((resolve) => {
      const waiting: Waiting = {
        must,
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
      if (this.#waiting.length > this.#limits.maxWaiting) this.#turnAwayOldest();
    });
  }

  leave(): void {
    this.#inside--;
    while (this.free && this.#waiting.length > 0) {
      this.#inside++;
      this.#waiting.pop()!.enter(true);
    }
  }

  #turnAwayOldest(): void {
    const oldest = this.#waiting.findIndex(({ must }) => !must);
    if (oldest >= 0) this.#waiting.splice(oldest, 1)[0]!.enter(false);
  }

  /** An answer came; `tooLong`: it took a good part of the time that there was. What took no longer than usual says nothing of a queue. */
  answered(sentUs: number, nowUs: number, tooLong: boolean): void {
    const tookUs = nowUs - sentUs;
    this.#bestUs = Math.min(tookUs, this.#bestUs * bestFades);
    if (tooLong && tookUs > waited * this.#bestUs) this.late(sentUs, nowUs);
    else this.#limit = Math.min(this.#limits.maxInFlight, this.#limit + raise);
  }

  /** An answer waited for others, or did not come. Those sent before the last cut have nothing new to say. */
  late(sentUs: number, nowUs: number): void {
    if (sentUs < this.#cutAtUs) return;
    this.#cutAtUs = nowUs;
    const least = Math.min(leastInFlight, this.#limits.maxInFlight);
    this.#limit = Math.max(least, Math.min(this.#limit, this.#inside) * cut);
  }
}
