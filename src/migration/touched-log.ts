import type { StateStore } from "../state/contract.ts";
import type { PointId } from "../stores/contract.ts";
import { idKey } from "./positions.ts";

const readAtOnce = 1_000;

/** A mover's place in the log of one move's touched keys (ROUTING.md, steps 3 and 4). */
export class TouchedLog {
  readonly #state: StateStore;
  readonly #collection: string;
  readonly #move: string;
  #cursor = 0;
  /** Touched, and not carried since. */
  #pending = new Map<string, PointId>();
  /** Operations with a *before* and no *after*, by operation and id. */
  readonly #open = new Map<string, PointId>();
  /** Touched since the drain before the comparison. */
  #sinceMark = new Map<string, PointId>();

  constructor(state: StateStore, collection: string, move: string) {
    this.#state = state;
    this.#collection = collection;
    this.#move = move;
  }

  /** Takes in everything that was appended since. */
  async read(): Promise<void> {
    for (;;) {
      const entries = await this.#state.readTouched(this.#collection, this.#move, this.#cursor, readAtOnce);
      for (const { seq, kind, id, op } of entries) {
        this.#cursor = seq;
        const operation = `${op} ${idKey(id)}`;
        if (kind === "before") this.#open.set(operation, id);
        else this.#open.delete(operation);
        this.#pending.set(idKey(id), id);
        this.#sinceMark.set(idKey(id), id);
      }
      if (entries.length < readAtOnce) return;
    }
  }

  /** Ids to carry now; they count as carried. `withOpen`: writes that may have landed since they were noted, too. */
  takePending(withOpen = false): PointId[] {
    const ids = new Map(this.#pending);
    if (withOpen) for (const id of this.#open.values()) ids.set(idKey(id), id);
    this.#pending = new Map();
    return [...ids.values()];
  }

  /** Ids that were taken and not carried after all. */
  putBack(ids: readonly PointId[]): void {
    for (const id of ids) this.#pending.set(idKey(id), id);
  }

  /** The comparison begins: what is touched from here on is left out of it. */
  mark(): void {
    this.#sinceMark = new Map(this.#pending);
  }

  /** What a comparison since the mark cannot speak of: touched since, or with a write that may still be on its way. */
  leftOut(): Map<string, PointId> {
    const ids = new Map(this.#sinceMark);
    for (const id of this.#open.values()) ids.set(idKey(id), id);
    return ids;
  }
}
