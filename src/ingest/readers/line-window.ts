import type { Place } from "../contract.ts";
import { behind, type Line } from "./lines.ts";

/** A stream of lines that can be looked ahead in. */
export class LineWindow {
  readonly #source: AsyncGenerator<Line>;
  #lines: Line[] = [];
  #from = 0;
  #next: Place;

  /** @param from where the first line begins */
  constructor(source: AsyncGenerator<Line>, from: Place = {}) {
    this.#source = source;
    this.#next = { line: from.line ?? 1, offset: from.offset ?? 0 };
  }

  /** Where the next line begins. */
  get next(): Place {
    return this.#next;
  }

  /** The line so many after the next one; undefined behind the last. */
  async at(ahead: number): Promise<Line | undefined> {
    while (this.#lines.length - this.#from <= ahead) {
      const next = await this.#source.next();
      if (next.done) return undefined;
      this.#lines.push(next.value);
    }
    return this.#lines[this.#from + ahead];
  }

  /** Goes on so many lines. */
  drop(count: number): void {
    this.#from += count;
    const last = this.#lines[this.#from - 1];
    if (last) this.#next = behind(last);
    // Cutting the list at every line would cost as much as there are lines in it.
    if (this.#from < 1024 && this.#from < this.#lines.length) return;
    this.#lines = this.#lines.slice(this.#from);
    this.#from = 0;
  }

  async close(): Promise<void> {
    await this.#source.return(undefined);
  }
}
