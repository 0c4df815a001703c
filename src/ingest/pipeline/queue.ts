import type { Clock } from "../../runtime.ts";
import { Level } from "./level.ts";

/** A first-in first-out queue between two stages. A full one makes the pusher wait: that is the whole of backpressure. */
export class BoundedQueue<T> implements AsyncIterable<T> {
  readonly capacity: number;
  /** How many items wait. */
  readonly level: Level;
  #items: T[] = [];
  #takers: ((result: IteratorResult<T, undefined>) => void)[] = [];
  #pushers: { item: T; resolve: () => void; reject: (error: unknown) => void }[] = [];
  #closed = false;
  #failure: { error: unknown } | undefined;
  #peak = 0;

  constructor(capacity: number, clock: Clock) {
    this.capacity = capacity;
    this.level = new Level(clock);
  }

  get length(): number {
    return this.#items.length;
  }
  /** The most items that ever waited. */
  get peak(): number {
    return this.#peak;
  }

  /** Resolves when the item has a place. Rejects after `fail`. */
  async push(item: T): Promise<void> {
    if (this.#failure) throw this.#failure.error;
    if (this.#closed) throw new Error("push after close");
    const taker = this.#takers.shift();
    if (taker) return taker({ done: false, value: item });
    if (this.#items.length < this.capacity) {
      this.#enqueue(item);
      return;
    }
    await new Promise<void>((resolve, reject) => this.#pushers.push({ item, resolve, reject }));
  }

  /** The next item; done when the queue is closed and empty. Rejects after `fail`. */
  async next(): Promise<IteratorResult<T, undefined>> {
    if (this.#failure) throw this.#failure.error;
    const value = this.takeNow();
    if (value !== undefined) return { done: false, value };
    if (this.#closed) return { done: true, value: undefined };
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  /** The next item where one waits. */
  takeNow(): T | undefined {
    const value = this.#items.shift();
    if (value === undefined) return undefined;
    const waiting = this.#pushers.shift();
    if (waiting) {
      this.#enqueue(waiting.item);
      waiting.resolve();
    } else this.level.set(this.#items.length);
    return value;
  }

  /** No more will come; what waits can still be taken. */
  close(): void {
    this.#closed = true;
    for (const taker of this.#takers.splice(0)) taker({ done: true, value: undefined });
  }

  /** Ends it for both sides: what waits is dropped. */
  fail(error: unknown): void {
    if (this.#failure) return;
    this.#failure = { error };
    this.#items = [];
    this.level.set(0);
    for (const pusher of this.#pushers.splice(0)) pusher.reject(error);
    for (const taker of this.#takers.splice(0)) taker({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    return { next: () => this.next() };
  }

  #enqueue(item: T): void {
    this.#items.push(item);
    this.level.set(this.#items.length);
    this.#peak = Math.max(this.#peak, this.#items.length);
  }
}
