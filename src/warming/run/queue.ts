/** A query on its way: what was done for it stays with it from one attempt to the next. */
export interface Item {
  /** Its place in the plan. */
  index: number;
  query: string;
  vector?: Float32Array;
  /** Made and not stored yet: only the storing is tried again. */
  made?: { result: Buffer | undefined; computeUs: number };
  attempts: number;
  /** Monotonic, ms; not before. */
  notBeforeMs: number;
}

/** What is ready to be sent, in order; and what has to wait for another attempt. */
export class ItemQueue {
  private ready: Item[] = [];
  private at = 0;
  private waiting: Item[] = [];

  get length(): number {
    return this.ready.length - this.at + this.waiting.length;
  }
  /** That were never tried. */
  get readyCount(): number {
    return this.ready.length - this.at;
  }

  push(items: readonly Item[]): void {
    this.ready = [...this.ready.slice(this.at), ...items];
    this.at = 0;
  }

  retry(item: Item): void {
    const place = this.waiting.findIndex(({ notBeforeMs }) => notBeforeMs > item.notBeforeMs);
    this.waiting.splice(place < 0 ? this.waiting.length : place, 0, item);
  }

  /** What may be sent now: another attempt before a first one. */
  next(nowMs: number): Item | undefined {
    if (this.waiting.length > 0 && this.waiting[0]!.notBeforeMs <= nowMs) return this.waiting.shift();
    return this.at < this.ready.length ? this.ready[this.at++] : undefined;
  }

  /** When the next attempt is due, where nothing else is ready. */
  nextAtMs(): number | undefined {
    return this.waiting[0]?.notBeforeMs;
  }
}
