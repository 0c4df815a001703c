import type { Clock } from "../runtime.ts";
import type { VectorSpace } from "./vector-space.ts";

/** A turn's worth of graph building: what a search that arrives meanwhile waits at most. */
const sliceUs = 2000;
/** Pending vectors are scanned by every search, 0.5 µs each: above this, writers wait for their acknowledgement. */
const backlogLimit = 1000;

/**
 * Moves vectors into their graphs between requests, in slices, so that neither a large upsert nor a start after a crash
 * holds up searches. Writers are acknowledged once the backlog is small: ingest goes as fast as the graph is built.
 */
export class Indexer {
  readonly #clock: Clock;
  readonly #spaces = new Set<VectorSpace>();
  #waiting: (() => void)[] = [];
  #running = false;
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(spaces: readonly VectorSpace[]): void {
    for (const space of spaces) this.#spaces.add(space);
    this.kick();
  }

  forget(spaces: readonly VectorSpace[]): void {
    for (const space of spaces) this.#spaces.delete(space);
  }

  backlog(): number {
    let sum = 0;
    for (const space of this.#spaces) sum += space.pending.size;
    return sum;
  }

  kick(): void {
    if (this.#running || this.#closed) return;
    this.#running = true;
    setImmediate(this.#slice);
  }

  /** Starts the work, and resolves as soon as the backlog is short. */
  settled(): Promise<void> {
    this.kick();
    if (this.#closed || this.backlog() <= backlogLimit) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Stops working between requests, lets waiting writers go, and uses `forMs` at most to finish what is left. */
  close(forMs: number): void {
    this.#closed = true;
    this.#release();
    const endUs = this.#clock.monotonicUs() + forMs * 1000;
    const isOver = () => this.#clock.monotonicUs() > endUs;
    for (const space of this.#spaces) if (!isOver()) space.index(isOver);
  }

  readonly #slice = (): void => {
    const startUs = this.#clock.monotonicUs();
    const isOver = () => this.#clock.monotonicUs() - startUs > sliceUs;
    for (const space of this.#spaces) if (!isOver()) space.index(isOver);
    const backlog = this.backlog();
    if (backlog <= backlogLimit) this.#release();
    this.#running = backlog > 0 && !this.#closed;
    if (this.#running) setImmediate(this.#slice);
  };

  #release(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
