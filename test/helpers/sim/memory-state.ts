import type { Clock } from "../../../src/runtime.ts";
import type { AliasRecord } from "../../../src/sharding/alias-record.ts";
import type { RoutingTable } from "../../../src/sharding/index.ts";
import type { Lease, Lock, StateStore, TouchedRecord } from "../../../src/state/index.ts";

/** What all handles of one simulated state store share. */
export class MemoryState {
  readonly epochs = new Map<string, number>();
  readonly tables = new Map<string, string>();
  readonly aliases = new Map<string, string>();
  readonly leases = new Map<string, { lease: Omit<Lease, "remainingMs">; expiresMs: number }>();
  readonly locks = new Map<string, { lock: Omit<Lock, "remainingMs">; expiresMs: number }>();
  readonly tokens = new Map<string, number>();
  touched: (TouchedRecord & { collection: string })[] = [];
  seq = 0;
  /** How many changes left a node newly quiet: what a simulation wants to have reached. */
  quietMarks = 0;

  table(collection: string): RoutingTable | undefined {
    const json = this.tables.get(collection);
    return json === undefined ? undefined : (JSON.parse(json) as RoutingTable);
  }
}

/**
 * A handle on a state store in memory, for simulations. Each operation happens at one instant, somewhere between its call and its answer.
 * @param travel awaited before and after each operation: delays, or throws while the store is away
 */
export function memoryState(state: MemoryState, clock: Clock, travel: () => Promise<void> = () => Promise.resolve()): StateStore {
  const at = async <T>(work: () => T): Promise<T> => {
    await travel();
    const result = work();
    await travel();
    return result;
  };
  const put = (table: RoutingTable) => {
    state.quietMarks += Object.values(table.nodes).filter(({ quiet }) => quiet === table.epoch).length;
    state.tables.set(table.collection, JSON.stringify(table));
    state.epochs.set(table.collection, table.epoch);
  };
  const holds = (name: string, token: number) => state.locks.get(name)?.lock.token === token;
  return {
    description: "memory",
    tables: () =>
      at(() => [...state.tables.keys()].sort().map((collection) => ({ collection, epoch: state.epochs.get(collection)! }))),
    getTable: (collection) => at(() => state.table(collection)),
    createTable: (fresh) =>
      at(() => {
        if (state.tables.has(fresh.collection)) return undefined;
        const table: RoutingTable = { ...fresh, epoch: (state.epochs.get(fresh.collection) ?? 0) + 1 };
        put(table);
        return table;
      }),
    compareAndSet: (table) =>
      at(() => {
        const fits = state.tables.has(table.collection) && state.epochs.get(table.collection) === table.epoch - 1;
        if (fits) put(table);
        return fits;
      }),
    dropTable: (collection, epoch) =>
      at(() => {
        if (!state.tables.has(collection) || state.epochs.get(collection) !== epoch) return false;
        state.epochs.set(collection, epoch + 1);
        return state.tables.delete(collection);
      }),
    aliases: () => at(() => aliasesOf(state)),
    getAlias: (alias) => at(() => aliasesOf(state).find((record) => record.alias === alias)),
    compareAndSetAlias: (record) =>
      at(() => {
        const held = aliasesOf(state).find(({ alias }) => alias === record.alias)?.version ?? 0;
        if (held !== record.version - 1) return false;
        state.aliases.set(record.alias, JSON.stringify(record));
        return true;
      }),
    renewLease: ({ ttlMs, ...lease }) =>
      at(() => {
        state.leases.set(lease.client, { lease, expiresMs: clock.nowMs() + ttlMs });
        const epochs = Object.fromEntries([...state.tables.keys()].map((name) => [name, state.epochs.get(name)!]));
        return { epochs, aliases: aliasesOf(state) };
      }),
    releaseLease: (client) => at(() => void state.leases.delete(client)),
    leases: () =>
      at(() =>
        [...state.leases.values()]
          .map(({ lease, expiresMs }) => Object.assign({}, lease, { remainingMs: expiresMs - clock.nowMs() }))
          .sort((a, b) => (a.client < b.client ? -1 : 1)),
      ),
    acquireLock: (name, owner, ttlMs, insteadOf) =>
      at(() => {
        const held = state.locks.get(name);
        if (held && held.expiresMs > clock.nowMs() && held.lock.token !== insteadOf)
          return { acquired: false, holder: { ...held.lock, remainingMs: held.expiresMs - clock.nowMs() } };
        const token = (state.tokens.get(name) ?? 0) + 1;
        state.tokens.set(name, token);
        state.locks.set(name, { lock: { name, owner, token, acquiredAtMs: clock.nowMs() }, expiresMs: clock.nowMs() + ttlMs });
        return { acquired: true, token };
      }),
    renewLock: (name, token, ttlMs) =>
      at(() => {
        if (!holds(name, token)) return false;
        state.locks.get(name)!.expiresMs = clock.nowMs() + ttlMs;
        return true;
      }),
    releaseLock: (name, token) => at(() => holds(name, token) && state.locks.delete(name)),
    locks: () =>
      at(() =>
        [...state.locks.values()].map(({ lock, expiresMs }) =>
          Object.assign({}, lock, { remainingMs: expiresMs - clock.nowMs() }),
        ),
      ),
    appendTouched: (collection, entries) =>
      at(() => {
        for (const entry of entries) state.touched.push({ ...entry, collection, seq: ++state.seq });
      }),
    readTouched: (collection, move, afterSeq, limit) =>
      at(() =>
        state.touched
          .filter((entry) => entry.collection === collection && entry.move === move && entry.seq > afterSeq)
          .slice(0, limit)
          .map(({ collection: _collection, ...entry }) => entry),
      ),
    dropTouched: (collection, move) =>
      at(() => {
        state.touched = state.touched.filter((entry) => entry.collection !== collection || entry.move !== move);
      }),
    close: () => Promise.resolve(),
  };
}

function aliasesOf({ aliases }: MemoryState): AliasRecord[] {
  return [...aliases.keys()].sort().map((alias) => JSON.parse(aliases.get(alias)!) as AliasRecord);
}
