import { RagctlError } from "../errors.ts";
import type { Clock } from "../runtime.ts";
import type { Tell } from "./events.ts";
import { createRouting, type Routing } from "../sharding/owners.ts";
import type { AliasRecord } from "../sharding/alias-record.ts";
import type { RoutingTable } from "../sharding/table.ts";
import type { Transition } from "../sharding/transitions.ts";
import type { StateStore, TouchedEntry } from "../state/contract.ts";

const leaseMs = 5_000;
const renewEveryMs = 1_000;

/** One epoch of one collection's table, as this client uses it. */
export interface View {
  readonly collection: string;
  readonly epoch: number;
  readonly routing: Routing;
  /** Operations that began under it and have not ended; the epoch after it is not confirmed before they have. */
  inFlight: number;
}

export type ChangeOutcome = "changed" | "unchanged" | { refused: string };

export interface WatchOptions {
  clock: Clock;
  client: string;
  purpose: string;
  host: string;
  /** Takes what becomes of the nodes of the tables. */
  tell?: Tell;
}

/**
 * The client's side of the epochs: holds the lease, keeps a view of each table in use, and confirms an epoch once nothing that
 * began under an older one is in flight (ROUTING.md, "Leases").
 */
export class TableWatch {
  /** Called whenever a table was read anew, also by a renewal that no operation asked for. */
  onView: (() => void) | undefined;
  /** Called at each renewal that finds a switch of an alias under way. */
  onSwitch: ((record: AliasRecord) => void) | undefined;
  readonly #store: StateStore;
  readonly #options: WatchOptions;
  /** Collections that the lease speaks of, from before their table is first read; undefined: no table (any more). */
  readonly #current = new Map<string, View | undefined>();
  /** Older views with operations in flight. */
  readonly #older = new Set<View>();
  readonly #highest = new Map<string, number>();
  #aliases: ReadonlyMap<string, AliasRecord> = new Map();
  readonly #closing = new AbortController();
  #leaseUntilUs = -Infinity;
  #running: Promise<void> | undefined;
  #queued: Promise<void> | undefined;
  readonly #changes = new Map<string, Promise<unknown>>();
  #stopped: RagctlError | undefined;

  constructor(store: StateStore, options: WatchOptions) {
    this.#store = store;
    this.#options = options;
    void this.#renewForever();
  }

  /** The present view, at once, where the lease holds and the table is known; else undefined: then await `live`. */
  current(collection: string): View | undefined {
    return this.leaseHolds ? this.#current.get(collection) : undefined;
  }

  get leaseHolds(): boolean {
    return this.#options.clock.monotonicUs() < this.#leaseUntilUs && !this.#stopped;
  }

  /** The latest view that is known, whether or not the lease holds. */
  peek(collection: string): View | undefined {
    return this.#current.get(collection);
  }

  get views(): View[] {
    return [...this.#current.values()].filter((view) => view !== undefined);
  }

  /**
   * The view under a lease that holds, refreshing both where needed; undefined where the collection has no table.
   * @throws RagctlError exit 3 where the state store cannot be reached, 7 where it went back in time
   */
  async live(collection: string): Promise<View | undefined> {
    const known = this.current(collection);
    if (known) return known;
    // Registered before it is read: a mover that announces in between waits for this client.
    if (!this.#current.has(collection)) this.#current.set(collection, undefined);
    await this.refresh();
    if (!this.leaseHolds) throw leaseLapsed();
    return this.#current.get(collection);
  }

  /**
   * What a name stands for, as the latest renewal had it: the collection of an alias, and every other name itself. Under a lease
   * that holds, this and the epochs are of one moment.
   */
  known(name: string): string {
    return this.#aliases.get(name)?.collection ?? name;
  }

  #adoptAliases(aliases: readonly AliasRecord[]): void {
    this.#aliases = new Map(
      aliases.map((record) => {
        const known = this.#aliases.get(record.alias);
        return [record.alias, known && known.version > record.version ? known : record];
      }),
    );
    for (const record of aliases) if (record.switch) this.onSwitch?.(record);
  }

  /** Marks the beginning of an operation. Only in the same turn in which the view was `current`. */
  begin(view: View): void {
    view.inFlight++;
  }

  /** `live` and `begin` in one, with nothing in between; undefined where the collection has no table. */
  async enter(collection: string): Promise<View | undefined> {
    for (;;) {
      const view = this.current(collection);
      if (view) {
        this.begin(view);
        return view;
      }
      if (!(await this.live(collection))) return undefined;
    }
  }

  end(view: View): void {
    view.inFlight--;
    if (view.inFlight === 0 && this.#older.delete(view)) this.#confirmSoon();
  }

  /** Renews the lease and reads what has changed. Concurrent calls share one, that began after each of them. */
  refresh(): Promise<void> {
    if (this.#queued) return this.#queued;
    if (!this.#running) return (this.#running = this.#refresh().finally(() => (this.#running = undefined)));
    this.#queued = this.#running
      .catch(() => undefined)
      .then(() => {
        this.#queued = undefined;
        this.#running = this.#refresh().finally(() => (this.#running = undefined));
        return this.#running;
      });
    return this.#queued;
  }

  async #refresh(): Promise<void> {
    if (this.#stopped) throw this.#stopped;
    const { clock, client, purpose, host } = this.#options;
    const beganUs = clock.monotonicUs();
    const { epochs, aliases } = await this.#store.renewLease({
      client,
      purpose,
      host,
      ttlMs: leaseMs,
      confirmed: this.#confirmed(),
    });
    if (aliases.length > 0 || this.#aliases.size > 0) this.#adoptAliases(aliases);
    for (const collection of this.#current.keys()) {
      const epoch = epochs[collection];
      if (epoch === undefined) this.#adopt(collection, undefined);
      else if (epoch !== this.#current.get(collection)?.epoch) await this.reread(collection);
    }
    this.#leaseUntilUs = beganUs + leaseMs * 1000;
  }

  /** Reads one table now, outside the rhythm of the lease. */
  async reread(collection: string): Promise<RoutingTable | undefined> {
    const floor = this.#highest.get(collection) ?? 0;
    const table = await this.#store.getTable(collection);
    // Compared with what was known before the read began: reads that cross may well bring an older epoch than the present one.
    if (table && table.epoch < floor) this.#stop(collection, table.epoch, floor);
    if (this.#stopped) throw this.#stopped;
    this.#adopt(collection, table);
    return table;
  }

  #confirmed(): Record<string, number> {
    const confirmed: Record<string, number> = {};
    for (const [collection, view] of this.#current) confirmed[collection] = view?.epoch ?? 0;
    for (const { collection, epoch } of this.#older) confirmed[collection] = Math.min(confirmed[collection] ?? epoch, epoch);
    return confirmed;
  }

  /** @param own this client changed it itself */
  #adopt(collection: string, table: RoutingTable | undefined, own = false): void {
    const before = this.#current.get(collection);
    if (table) {
      if (table.epoch < (this.#highest.get(collection) ?? 0)) return;
      this.#highest.set(collection, table.epoch);
      if (before?.epoch === table.epoch) return;
    } else if (!before) return;
    if (table) this.#tellOf(before?.routing.table, table, own);
    if (before && before.inFlight > 0) this.#older.add(before);
    this.#current.set(
      collection,
      table && { collection, epoch: table.epoch, routing: createRouting(table, before?.routing), inFlight: 0 },
    );
    if (before) this.#confirmSoon();
    this.onView?.();
  }

  /** Which nodes missed something, or may not be written to, and which are well again. */
  #tellOf(before: RoutingTable | undefined, { collection, nodes }: RoutingTable, own: boolean): void {
    const { tell } = this.#options;
    if (!tell) return;
    for (const id of new Set([...Object.keys(before?.nodes ?? {}), ...Object.keys(nodes)])) {
      const was = before?.nodes[id];
      const is = nodes[id];
      const change = (kind: "stale" | "quiet", wasSo: boolean, isSo: boolean) => {
        if (wasSo !== isSo) tell(kind, id, isSo ? "start" : "end", { collection, ...(isSo && own && { own }) });
      };
      change("stale", was?.state === "stale", is?.state === "stale");
      change("quiet", was?.quiet !== undefined, is?.quiet !== undefined);
    }
  }

  /** Of a writer that has no other way to the store. */
  appendTouched(collection: string, entries: readonly TouchedEntry[]): Promise<void> {
    return this.#store.appendTouched(collection, entries);
  }

  #stop(collection: string, epoch: number, highest: number): void {
    this.#stopped ??= new RagctlError(
      `The state store went back in time: the table of ${collection} is at epoch ${epoch}, after ${highest} was seen.`,
      {
        code: "epoch-went-back",
        exitCode: 7,
        hint: "It was restored from a backup, or is another one: check `state` of the cluster, then verify the collection.",
      },
    );
  }

  /**
   * Changes the table by compare-and-set, from what the store holds now; one change of a collection at a time.
   * @param change called again with the newer table whenever another client was faster
   */
  change(
    collection: string,
    change: (table: RoutingTable, routing: Routing) => Transition | "unchanged",
  ): Promise<ChangeOutcome> {
    const turn = (this.#changes.get(collection) ?? Promise.resolve())
      .catch(() => undefined)
      .then(() => this.#change(collection, change));
    this.#changes.set(collection, turn);
    return turn;
  }

  async #change(
    collection: string,
    change: (table: RoutingTable, routing: Routing) => Transition | "unchanged",
  ): Promise<ChangeOutcome> {
    for (;;) {
      const table = await this.reread(collection);
      if (!table) return { refused: `${collection} has no routing table any more` };
      const known = this.#current.get(collection);
      const routing = known?.epoch === table.epoch ? known.routing : createRouting(table, known?.routing);
      const next = change(table, routing);
      if (next === "unchanged") return "unchanged";
      if ("refused" in next) return next;
      if (await this.#store.compareAndSet(next.table)) {
        this.#adopt(collection, next.table, true);
        return "changed";
      }
    }
  }

  /** Tells the store without waiting for the next second: somebody may be waiting for it. */
  #confirmSoon(): void {
    if (this.#closing.signal.aborted || this.#queued) return;
    // A failure here is met again, and reported, by whoever needs the lease next.
    this.refresh().catch(() => undefined);
  }

  async #renewForever(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        await this.#options.clock.sleep(renewEveryMs, signal, { ref: false });
        if (this.#current.size > 0) await this.refresh();
      } catch {
        // The store did not answer: the lease lapses by itself, and the next operation says so.
      }
    }
  }

  /** Ends the lease; the caller has let its operations end. */
  async close(): Promise<void> {
    this.#closing.abort(new Error("the client is closed"));
    await this.#running?.catch(() => undefined);
    await this.#store.releaseLease(this.#options.client).catch(() => undefined);
    await this.#store.close();
  }
}

function leaseLapsed(): RagctlError {
  return new RagctlError("The lease on the routing table could not be kept: the state store answers too slowly.", {
    code: "lease-lapsed",
    exitCode: 3,
    hint: "Check the state store of the cluster.",
  });
}
