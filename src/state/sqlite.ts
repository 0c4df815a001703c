import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { RagctlError } from "../errors.ts";
import type { Clock } from "../runtime.ts";
import type { AliasRecord } from "../sharding/alias-record.ts";
import type { RoutingTable } from "../sharding/table.ts";
import { endedLeaseKeptMs, type Lease, type Lock, type LockOwner, type StateStore, type TouchedRecord } from "./contract.ts";
import { applySchema } from "./sqlite-schema.ts";

const busyTimeoutMs = 5_000;

/**
 * The state store in one SQLite file that all processes of this machine share: WAL, and every change in a transaction that
 * takes the write lock first. Two connections: what promises rest on (tables, locks, touched logs) is synced to the
 * disk at each commit; leases, renewed every second by every client, are not, since a machine that crashed ends them all.
 * @throws RagctlError exit 3 where the file cannot be opened
 */
export function openSqliteState(path: string, clock: Clock): StateStore {
  const description = `SQLite file ${path}`;
  const guarded = <T>(work: () => T): Promise<T> => {
    try {
      return Promise.resolve(work());
    } catch (error) {
      return Promise.reject(error instanceof RagctlError ? error : stateError(description, error));
    }
  };
  let durable: DatabaseSync;
  let quick: DatabaseSync;
  try {
    mkdirSync(dirname(path), { recursive: true });
    durable = open(path, "FULL");
    applySchema(durable);
    quick = open(path, "NORMAL");
  } catch (error) {
    throw stateError(description, error);
  }
  const now = () => clock.nowMs();

  const tableEpoch = durable.prepare("SELECT epoch, json FROM tables WHERE collection = ?");
  const allTables = durable.prepare("SELECT collection, epoch FROM tables WHERE json IS NOT NULL ORDER BY collection");
  const putTable = durable.prepare("INSERT OR REPLACE INTO tables (collection, epoch, json) VALUES (?, ?, ?)");
  const casTable = durable.prepare(
    "UPDATE tables SET epoch = epoch + 1, json = ? WHERE collection = ? AND epoch = ? AND json IS NOT NULL",
  );
  const dropTable = durable.prepare(
    "UPDATE tables SET epoch = epoch + 1, json = NULL WHERE collection = ? AND epoch = ? AND json IS NOT NULL",
  );
  const allAliases = durable.prepare("SELECT json FROM aliases ORDER BY alias");
  const aliasNamed = durable.prepare("SELECT json FROM aliases WHERE alias = ?");
  const newAlias = durable.prepare("INSERT OR IGNORE INTO aliases (alias, version, json) VALUES (?, ?, ?)");
  const casAlias = durable.prepare("UPDATE aliases SET version = version + 1, json = ? WHERE alias = ? AND version = ?");
  const lockNamed = durable.prepare("SELECT * FROM locks WHERE name = ?");
  const putLock = durable.prepare(
    "INSERT OR REPLACE INTO locks (name, token, owner, acquired_ms, expires_ms) VALUES (?, ?, ?, ?, ?)",
  );
  const extendLock = durable.prepare("UPDATE locks SET expires_ms = ? WHERE name = ? AND token = ? AND owner IS NOT NULL");
  // The row stays: its token is what the next one must exceed.
  const freeLock = durable.prepare(
    "UPDATE locks SET owner = NULL, expires_ms = 0 WHERE name = ? AND token = ? AND owner IS NOT NULL",
  );
  const appendTouched = durable.prepare("INSERT INTO touched (collection, move, kind, id, op) VALUES (?, ?, ?, ?, ?)");
  const readTouched = durable.prepare(
    "SELECT seq, move, kind, id, op FROM touched WHERE collection = ? AND move = ? AND seq > ? ORDER BY seq LIMIT ?",
  );
  const dropTouched = durable.prepare("DELETE FROM touched WHERE collection = ? AND move = ?");
  const epochs = quick.prepare("SELECT collection, epoch FROM tables WHERE json IS NOT NULL");
  const leasedAliases = quick.prepare("SELECT json FROM aliases ORDER BY alias");
  const putLease = quick.prepare(
    "INSERT OR REPLACE INTO leases (client, purpose, host, confirmed, expires_ms) VALUES (?, ?, ?, ?, ?)",
  );
  const forgetLeases = quick.prepare("DELETE FROM leases WHERE expires_ms < ?");
  const deleteLease = quick.prepare("DELETE FROM leases WHERE client = ?");
  const allLeases = quick.prepare("SELECT * FROM leases ORDER BY client");

  const lockOf = (row: LockRow): Lock => ({
    name: row.name,
    token: row.token,
    owner: JSON.parse(row.owner!) as LockOwner,
    acquiredAtMs: row.acquired_ms,
    remainingMs: row.expires_ms - now(),
  });

  return {
    description,
    tables: () => guarded(() => allTables.all() as unknown as { collection: string; epoch: number }[]).then(plain),
    getTable: (collection) =>
      guarded(() => {
        const row = tableEpoch.get(collection) as TableRow | undefined;
        return row?.json ? (JSON.parse(row.json) as RoutingTable) : undefined;
      }),
    createTable: (fresh) =>
      guarded(() =>
        transaction(durable, () => {
          const row = tableEpoch.get(fresh.collection) as TableRow | undefined;
          if (row?.json) return undefined;
          const table: RoutingTable = { ...fresh, epoch: (row?.epoch ?? 0) + 1 };
          putTable.run(table.collection, table.epoch, JSON.stringify(table));
          return table;
        }),
      ),
    compareAndSet: (table) =>
      guarded(() =>
        transaction(durable, () => casTable.run(JSON.stringify(table), table.collection, table.epoch - 1).changes === 1),
      ),
    dropTable: (collection, epoch) => guarded(() => transaction(durable, () => dropTable.run(collection, epoch).changes === 1)),

    aliases: () => guarded(() => recordsOf(allAliases.all())),
    getAlias: (alias) => guarded(() => recordsOf(aliasNamed.all(alias))[0]),
    compareAndSetAlias: (record) =>
      guarded(() =>
        transaction(durable, () => {
          const { alias, version } = record;
          const json = JSON.stringify(record);
          const { changes } = version === 1 ? newAlias.run(alias, 1, json) : casAlias.run(json, alias, version - 1);
          return changes === 1;
        }),
      ),

    renewLease: ({ client, purpose, host, ttlMs, confirmed }) =>
      guarded(() =>
        transaction(quick, () => {
          putLease.run(client, purpose, host, JSON.stringify(confirmed), now() + ttlMs);
          forgetLeases.run(now() - endedLeaseKeptMs);
          const rows = epochs.all() as unknown as { collection: string; epoch: number }[];
          const aliases = recordsOf(leasedAliases.all());
          return { epochs: Object.fromEntries(rows.map(({ collection, epoch }) => [collection, epoch])), aliases };
        }),
      ),
    releaseLease: (client) => guarded(() => transaction(quick, () => void deleteLease.run(client))),
    leases: () =>
      guarded(() =>
        (allLeases.all() as unknown as LeaseRow[]).map(({ client, purpose, host, confirmed, expires_ms }): Lease => ({
          client,
          purpose,
          host,
          confirmed: JSON.parse(confirmed) as Record<string, number>,
          remainingMs: expires_ms - now(),
        })),
      ),

    acquireLock: (name, owner, ttlMs, insteadOf) =>
      guarded(() =>
        transaction(durable, () => {
          const row = lockNamed.get(name) as LockRow | undefined;
          if (row?.owner && row.expires_ms > now() && row.token !== insteadOf) return { acquired: false, holder: lockOf(row) };
          const token = (row?.token ?? 0) + 1;
          putLock.run(name, token, JSON.stringify(owner), now(), now() + ttlMs);
          return { acquired: true, token };
        }),
      ),
    renewLock: (name, token, ttlMs) =>
      guarded(() => transaction(durable, () => extendLock.run(now() + ttlMs, name, token).changes === 1)),
    releaseLock: (name, token) => guarded(() => transaction(durable, () => freeLock.run(name, token).changes === 1)),
    locks: () =>
      guarded(() =>
        (durable.prepare("SELECT * FROM locks WHERE owner IS NOT NULL ORDER BY name").all() as unknown as LockRow[]).map(lockOf),
      ),

    appendTouched: (collection, entries) =>
      guarded(() =>
        transaction(durable, () => {
          for (const { move, kind, id, op } of entries) appendTouched.run(collection, move, kind, JSON.stringify(id), op);
        }),
      ),
    readTouched: (collection, move, afterSeq, limit) =>
      guarded(() =>
        (readTouched.all(collection, move, afterSeq, limit) as unknown as (Omit<TouchedRecord, "id"> & { id: string })[]).map(
          (row): TouchedRecord => ({
            seq: row.seq,
            move: row.move,
            kind: row.kind,
            id: JSON.parse(row.id) as number | string,
            op: row.op,
          }),
        ),
      ),
    dropTouched: (collection, move) => guarded(() => transaction(durable, () => void dropTouched.run(collection, move))),

    close: () =>
      guarded(() => {
        quick.close();
        durable.close();
      }),
  };
}

interface TableRow {
  epoch: number;
  json: string | null;
}
interface LeaseRow {
  client: string;
  purpose: string;
  host: string;
  confirmed: string;
  expires_ms: number;
}
interface LockRow {
  name: string;
  token: number;
  owner: string | null;
  acquired_ms: number;
  expires_ms: number;
}

function recordsOf(rows: unknown[]): AliasRecord[] {
  return (rows as { json: string }[]).map(({ json }) => JSON.parse(json) as AliasRecord);
}

function open(path: string, synchronous: "FULL" | "NORMAL"): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: busyTimeoutMs });
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${synchronous};`);
  return database;
}

function transaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec("BEGIN IMMEDIATE");
  try {
    const result = work();
    database.exec("COMMIT");
    return result;
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}

/** node:sqlite's rows have no prototype; spread ones compare and print like any other. */
function plain<T extends object>(rows: T[]): T[] {
  return rows.map((row) => Object.assign({}, row));
}

function stateError(description: string, cause: unknown): RagctlError {
  return new RagctlError(`The cluster's state cannot be read or written: ${description}: ${(cause as Error).message}`, {
    code: "state-unavailable",
    exitCode: 3,
    hint: "Check that the file is on a local disk, writable, and a ragctl state file.",
    cause,
  });
}
