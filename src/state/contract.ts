import type { ProcessIdentity } from "../process-identity.ts";
import type { AliasRecord } from "../sharding/alias-record.ts";
import type { RoutingTable } from "../sharding/table.ts";

/** A table as it is created: the store gives it its epoch, above any that the collection ever had. */
export type NewTable = Omit<RoutingTable, "epoch">;

/** What a client says of itself with each renewal. */
export interface LeaseClaim {
  client: string;
  /** `load worker 1`. */
  purpose: string;
  host: string;
  ttlMs: number;
  /** For each collection in use, the latest epoch that the client has read and has no older request in flight of; 0: none yet. */
  confirmed: Record<string, number>;
}

export interface Lease extends Omit<LeaseClaim, "ttlMs"> {
  /** Negative once it has ended; ended leases stay listed for `endedLeaseKeptMs`. */
  remainingMs: number;
}

/** Leases that ended longer ago are forgotten: beyond any request timeout that their owners' last writes could need. */
export const endedLeaseKeptMs = 10 * 60_000;

export interface LockOwner extends ProcessIdentity {
  host: string;
  /** What holds it: `shard apply 01J…`. */
  purpose: string;
}

export interface Lock {
  name: string;
  owner: LockOwner;
  /** Fencing token: each acquisition of a name gets a higher one. */
  token: number;
  acquiredAtMs: number;
  /** Negative once the lease has ended: anybody may take it then. */
  remainingMs: number;
}

export type LockAttempt = { acquired: true; token: number } | { acquired: false; holder: Lock };

/** One line of a move's log of touched keys. */
export interface TouchedEntry {
  move: string;
  kind: "before" | "after";
  /** The point's id. */
  id: number | string;
  /** The write that touched it; an `after` names the same one as its `before`. */
  op: string;
}
export interface TouchedRecord extends TouchedEntry {
  /** Ascending in the order of appending; a cursor. */
  seq: number;
}

/**
 * Where a cluster's routing tables, leases, locks and touched logs live. Safe for many processes. Time is the store's own:
 * callers pass durations and get durations. Every method throws RagctlError (exit 3) where the store cannot be reached;
 * what a resolved promise says has happened is durable.
 */
export interface StateStore {
  /** For people: `SQLite file /x/.ragctl/local.state.sqlite`. */
  readonly description: string;

  tables(): Promise<{ collection: string; epoch: number }[]>;
  getTable(collection: string): Promise<RoutingTable | undefined>;
  /** Undefined where the collection has one already. */
  createTable(table: NewTable): Promise<RoutingTable | undefined>;
  /** Replaces the table if its epoch is still `table.epoch − 1`; else false. */
  compareAndSet(table: RoutingTable): Promise<boolean>;
  /** Removes the table if its epoch is still that; its epoch is remembered, so that the next one is higher. */
  dropTable(collection: string, epoch: number): Promise<boolean>;

  /** Of every alias that ragctl keeps; by name. */
  aliases(): Promise<AliasRecord[]>;
  getAlias(alias: string): Promise<AliasRecord | undefined>;
  /** Replaces the record if its version is still `record.version − 1`, or makes it where there is none and that is 0; else false. */
  compareAndSetAlias(record: AliasRecord): Promise<boolean>;

  /** Registers or renews, and tells the epochs of all tables, and what the aliases stand for, at that one moment. */
  renewLease(claim: LeaseClaim): Promise<{ epochs: Record<string, number>; aliases: AliasRecord[] }>;
  releaseLease(client: string): Promise<void>;
  leases(): Promise<Lease[]>;

  /** Takes the lock where it is free or its lease has ended, or where `insteadOf` is the token of the (dead) holder. */
  acquireLock(name: string, owner: LockOwner, ttlMs: number, insteadOf?: number): Promise<LockAttempt>;
  /** False: it is somebody else's by now, and what it guards must stop. */
  renewLock(name: string, token: number, ttlMs: number): Promise<boolean>;
  releaseLock(name: string, token: number): Promise<boolean>;
  locks(): Promise<Lock[]>;

  appendTouched(collection: string, entries: readonly TouchedEntry[]): Promise<void>;
  /** Entries of one move after the cursor (0: from the start), in order. */
  readTouched(collection: string, move: string, afterSeq: number, limit: number): Promise<TouchedRecord[]>;
  dropTouched(collection: string, move: string): Promise<void>;

  close(): Promise<void>;
}

/** Every table there is. */
export async function allTables(store: StateStore): Promise<RoutingTable[]> {
  const names = await store.tables();
  const tables = await Promise.all(names.map(({ collection }) => store.getTable(collection)));
  return tables.filter((table) => table !== undefined);
}
