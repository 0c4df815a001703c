import { runAfter, type Clock } from "../runtime.ts";
import { judgeSilence } from "./attempt.ts";

/** One request as whoever waits for it sees it: when it began, and whether its silence has been held against the node already. */
export interface Attempt {
  readonly beganUs: number;
  readonly beganMs: number;
  blamed: boolean;
}

export interface SilenceDeps {
  clock: Clock;
  /** When the node last answered anything, monotonic µs. */
  lastAnswerUs: () => number;
  /** What an answer of it usually takes at most, µs; NaN where that is not known. */
  usualUs: () => number;
  /** Never rejects. */
  health: () => Promise<boolean>;
  /** Its health was not answered either: these requests count as failed. */
  onSilent: (suspects: readonly Attempt[]) => void;
}

/** Whoever waits for a node, until it has shown that it hangs. */
export interface Patience {
  /** Resolves when it has; never where it answers. */
  readonly silent: Promise<void>;
  /** The answer came. */
  cancel(): void;
}

/** Silence is long where it is so many times what the node usually takes: an overloaded one is not hanging. */
const unusual = 5;
/** A timer that comes so much of its time too late says that this process was held up, and so may be what it would have heard. */
const heldUp = 0.25;

/**
 * Whether one node hangs (a gray failure: its port accepts, and nothing answers). Suspected is what has had no answer for long while nothing
 * else was answered either; its health decides, so that neither a slow request nor a busy client condemns a node.
 */
export class Silence {
  readonly #deps: SilenceDeps;
  readonly #suspects: Attempt[] = [];
  readonly #waiting = new Map<Attempt, () => void>();
  readonly #listeners = new Set<() => void>();
  #asking: Promise<boolean> | undefined;

  constructor(deps: SilenceDeps) {
    this.#deps = deps;
  }

  /** This request has taken long. It counts as failed where the node's health is not answered either. */
  suspect(attempt: Attempt): void {
    const { clock, lastAnswerUs } = this.#deps;
    if (judgeSilence(attempt.beganUs, lastAnswerUs()) === "slow") return;
    if (clock.monotonicUs() - attempt.beganUs < this.#longUs(0)) return;
    this.#suspects.push(attempt);
    void this.#examine();
  }

  /** Hears of it too, without a suspicion of its own: at no price while all is well. @returns ends it */
  listen(onSilent: () => void): () => void {
    this.#listeners.add(onSilent);
    return () => this.#listeners.delete(onSilent);
  }

  /** Looks at the node whenever nothing of it was heard for `afterMs`, or for much longer than is usual, until `cancel`. */
  watch(attempt: Attempt, afterMs: number): Patience {
    const { clock, lastAnswerUs } = this.#deps;
    const silent = Promise.withResolvers<void>();
    let cancelTimer = () => {};
    let wakeUs = 0;
    const lookAfter = (ms: number) => {
      wakeUs = clock.monotonicUs() + ms * 1000;
      cancelTimer = runAfter(clock, ms, look);
    };
    const look = () => {
      const nowUs = clock.monotonicUs();
      if (nowUs - wakeUs > afterMs * 1000 * heldUp) return lookAfter(afterMs);
      const dueUs = Math.max(attempt.beganUs, lastAnswerUs()) + this.#longUs(afterMs * 1000);
      if (dueUs > nowUs) return lookAfter((dueUs - nowUs) / 1000);
      this.#suspects.push(attempt);
      void this.#examine().then((well) => {
        if (well && this.#waiting.has(attempt)) lookAfter(afterMs);
      });
    };
    this.#waiting.set(attempt, silent.resolve);
    lookAfter(afterMs);
    return {
      silent: silent.promise,
      cancel: () => {
        this.#waiting.delete(attempt);
        cancelTimer();
      },
    };
  }

  #longUs(atLeastUs: number): number {
    const usualUs = this.#deps.usualUs();
    return Number.isNaN(usualUs) ? atLeastUs : Math.max(atLeastUs, unusual * usualUs);
  }

  /** One question at a time, for all that are suspected meanwhile. Where it is not answered, all who wait hear of it: nobody need come to the same suspicion anew. */
  async #examine(): Promise<boolean> {
    const beganUs = this.#deps.clock.monotonicUs();
    const well = await (this.#asking ??= this.#deps.health().finally(() => (this.#asking = undefined)));
    const suspects = this.#suspects.splice(0);
    // An answer may have come while the question was under way.
    if (well || this.#deps.lastAnswerUs() > beganUs) return true;
    if (suspects.length > 0) this.#deps.onSilent(suspects);
    for (const tell of this.#waiting.values()) tell();
    for (const tell of this.#listeners) tell();
    return false;
  }
}
