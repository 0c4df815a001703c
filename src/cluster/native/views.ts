import { RagctlError } from "../../errors.ts";
import type { TableWatch, View } from "../watch.ts";

/**
 * What a native client knows of its collections' tables. Most have none: then the store's own placement is all there is. It is asked all the
 * same, under a lease, so that whoever changes that can wait for this client.
 */
export class NativeViews {
  readonly #watch: TableWatch | RagctlError;
  /** Collections whose table, or that there is none, has been read. */
  readonly #asked = new Set<string>();

  /** @param watch or why there is none: the state store could not be opened. Then nothing is written, and reads go by the name alone */
  constructor(watch: TableWatch | RagctlError) {
    this.#watch = watch;
  }

  /** @throws RagctlError exit 3 where the state store could not be opened */
  get watch(): TableWatch {
    if (this.#watch instanceof RagctlError) throw this.#watch;
    return this.#watch;
  }

  /** The latest that is known, whether or not the lease holds. */
  peek(collection: string): View | undefined {
    const view = this.#watch instanceof RagctlError ? undefined : this.#watch.peek(collection);
    return view?.routing.table.native ? view : undefined;
  }

  /** The view that holds now, at once; `none`: there is no table; undefined: it must be asked for. */
  current(collection: string): View | "none" | undefined {
    if (!this.watch.leaseHolds) return undefined;
    const view = this.watch.current(collection);
    if (!view) return this.#asked.has(collection) ? "none" : undefined;
    return view.routing.table.native ? view : "none";
  }

  async ask(collection: string): Promise<void> {
    await this.watch.live(collection);
    this.#asked.add(collection);
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
    if (this.#watch instanceof RagctlError) return undefined;
    for (;;) {
      const view = this.current(collection);
      if (view === "none") return undefined;
      if (view) {
        this.watch.begin(view);
        return view;
      }
      try {
        await this.ask(collection);
      } catch (error) {
        if (error instanceof RagctlError && error.exitCode === 3) return undefined;
        throw error;
      }
    }
  }

  async close(): Promise<void> {
    if (!(this.#watch instanceof RagctlError)) await this.#watch.close();
  }
}
