import { mergeRecords, slimRecord, type WindowRecord } from "./record.ts";

/** Windows of a second that are kept in memory: half an hour of them. Of longer runs, windows of two seconds, of four, … */
const most = 1800;

/**
 * The windows of a run as its result shows them, in bounded memory: when there are too many, neighbours are merged into windows of twice the length,
 * two pairs with each window that comes, so that no moment pays for all.
 */
export class WindowSeries {
  readonly #lengthMs: number;
  #spanMs: number;
  /** In order of time. Those before `#merged` have the present span already. */
  #records: WindowRecord[] = [];
  #merged = 0;
  /** What will be one window. */
  #pending: WindowRecord[] = [];

  /** @param lengthMs of the windows at first */
  constructor(lengthMs: number) {
    this.#lengthMs = lengthMs;
    this.#spanMs = lengthMs;
  }

  /** @param record in order of time; at most as long as the windows */
  add(record: WindowRecord): void {
    const last = this.#pending[0];
    if (last && this.#slot(last) !== this.#slot(record)) this.#flush();
    // Finer windows are those of a short run, and are to be put together into seconds.
    this.#pending.push(this.#lengthMs < 1000 ? record : slimRecord(record));
    for (let pair = 0; pair < 2; pair++) this.#mergeOne();
    if (this.#records.length >= most && this.#merged >= this.#records.length) {
      this.#spanMs *= 2;
      this.#merged = 0;
    }
  }

  /** All of them; the series goes on after it. */
  list(): WindowRecord[] {
    this.#flush();
    while (this.#merged < this.#records.length) this.#mergeOne();
    return this.#records;
  }

  #slot({ startMs }: WindowRecord): number {
    return Math.floor(startMs / this.#spanMs);
  }

  #flush(): void {
    if (this.#pending.length === 0) return;
    const merged = mergeRecords(this.#pending);
    this.#pending = [];
    this.#records.push({ ...merged, startMs: this.#slot(merged) * this.#spanMs, lengthMs: this.#spanMs });
    if (this.#spanMs === this.#lengthMs) this.#merged = this.#records.length;
  }

  /** Brings one record, and its neighbour of the same slot, to the present span. */
  #mergeOne(): void {
    const record = this.#records[this.#merged];
    if (!record) return;
    let end = this.#merged + 1;
    while (end < this.#records.length && this.#slot(this.#records[end]!) === this.#slot(record)) end++;
    const merged = mergeRecords(this.#records.slice(this.#merged, end));
    this.#records.splice(this.#merged, end - this.#merged, {
      ...merged,
      startMs: this.#slot(record) * this.#spanMs,
      lengthMs: this.#spanMs,
    });
    this.#merged++;
  }
}
