import { RagctlError } from "../../errors.ts";
import type { Clock } from "../../runtime.ts";
import type { TableWatch, View } from "../watch.ts";
import type { NativeTables } from "./tables.ts";

/** For so long after a state store did not answer, reads do without it at once. */
const withoutUs = 5_000_000;

/**
 * What a native client knows of its collections' tables. Most have none: then the store's own placement is all there is. Where there is a state
 * store it is asked all the same, under a lease, so that whoever changes that can wait for this client.
 */
export class NativeViews {
  readonly #tables: NativeTables;
  readonly #clock: Clock;
  /** Collections whose table, or that there is none, has been read. */
  readonly #asked = new Set<string>();
  #withoutUntilUs = -Infinity;

  constructor(tables: NativeTables, clock: Clock) {
    this.#tables = tables;
    this.#clock = clock;
  }

  /** Of whoever has seen a view. */
  get watch(): TableWatch {
    const { opened } = this.#tables;
    if (!opened) throw new Error("there is no state store, and so no table");
    return opened.watch;
  }

  /** The latest that is known, whether or not the lease holds. */
  peek(collection: string): View | undefined {
    const view = this.#tables.opened?.watch.peek(collection);
    return view?.routing.table.native ? view : undefined;
  }

  /**
   * The view that holds now, at once; `none`: there is no table; undefined: it must be asked for.
   * @param lately for a read, which may go by what was so within the last second where there is no state store
   */
  current(collection: string, lately = false): View | "none" | undefined {
    const { opened } = this.#tables;
    if (!opened) return this.#tables.absent(lately) ? "none" : undefined;
    const { watch } = opened;
    if (!watch.leaseHolds) return undefined;
    const view = watch.current(collection);
    if (!view) return this.#asked.has(collection) ? "none" : undefined;
    return view.routing.table.native ? view : "none";
  }

  /** @throws RagctlError exit 3 where the state store is there and does not answer */
  async ask(collection: string): Promise<void> {
    const opened = await this.#tables.get();
    await opened?.watch.live(collection);
    if (opened) this.#asked.add(collection);
  }

  /**
   * Runs a read under one view, which is not confirmed away before it has ended; without one where there is no table, or the state store does not
   * answer: the store itself knows the collection by its name, and asks all of it.
   */
  async reading<T>(collection: string, read: (view: View | undefined) => Promise<T>): Promise<T> {
    const view = await this.#enter(collection);
    if (!view) return await read(undefined);
    try {
      return await read(view);
    } finally {
      this.watch.end(view);
    }
  }

  async #enter(collection: string): Promise<View | undefined> {
    for (;;) {
      const view = this.current(collection, true);
      if (view === "none") return undefined;
      if (view) {
        this.watch.begin(view);
        return view;
      }
      // One that could not be opened is opened by writes, which cannot do without; one that was is asked every second by the watch.
      if (this.#tables.failure || this.#clock.monotonicUs() < this.#withoutUntilUs) return undefined;
      try {
        await this.ask(collection);
      } catch (error) {
        if (!(error instanceof RagctlError && (error.exitCode === 3 || this.#tables.failure))) throw error;
        this.#withoutUntilUs = this.#clock.monotonicUs() + withoutUs;
        return undefined;
      }
    }
  }

  async close(): Promise<void> {
    await this.#tables.close();
  }
}
