/** A first-in first-out queue between two stages. A full one makes the pusher wait: that is the whole of backpressure. */
export class BoundedQueue<T> implements AsyncIterable<T> {
  readonly capacity: number;
  #items: T[] = [];
  #takers: ((result: IteratorResult<T, undefined>) => void)[] = [];
  #pushers: { item: T; resolve: () => void; reject: (error: unknown) => void }[] = [];
  #closed = false;
  #failure: { error: unknown } | undefined;
  #peak = 0;
  #pushes = 0;
  #fillSum = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get length(): number {
    return this.#items.length;
  }
  /** The most items that ever waited. */
  get peak(): number {
    return this.#peak;
  }

  /** How full it was when something was pushed, on average: 0, someone was waiting for it; 1, it had to wait. */
  get meanFill(): number {
    return this.#pushes === 0 ? 0 : this.#fillSum / this.#pushes;
  }

  /** Resolves when the item has a place. Rejects after `fail`. */
  async push(item: T): Promise<void> {
    if (this.#failure) throw this.#failure.error;
    if (this.#closed) throw new Error("push after close");
    this.#pushes++;
    this.#fillSum += this.#items.length / this.capacity;
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
    if (this.#items.length > 0) {
      const value = this.#items.shift()!;
      const waiting = this.#pushers.shift();
      if (waiting) {
        this.#enqueue(waiting.item);
        waiting.resolve();
      }
      return { done: false, value };
    }
    if (this.#closed) return { done: true, value: undefined };
    return new Promise((resolve) => this.#takers.push(resolve));
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
    for (const pusher of this.#pushers.splice(0)) pusher.reject(error);
    for (const taker of this.#takers.splice(0)) taker({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    return { next: () => this.next() };
  }

  #enqueue(item: T): void {
    this.#items.push(item);
    this.#peak = Math.max(this.#peak, this.#items.length);
  }
}
