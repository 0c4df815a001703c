import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { ExitCode, RagctlError } from "../errors.ts";

export interface DatabaseOptions {
  dir: string;
  /** Sync every commit to the disk, not only to the operating system. */
  fsync: boolean;
  pid: number;
}

/**
 * Opens (or creates) the node's database, and holds its directory: a second process is refused with exit 7.
 *
 * A commit is in the write-ahead log, handed to the operating system, when it returns: it survives the death of this
 * process (`kill -9`). It survives a power failure only with `fsync`; without, the last moments before one may be lost,
 * but the file stays whole (SQLite's promise for WAL with synchronous=NORMAL).
 */
export function openDatabase({ dir, fsync, pid }: DatabaseOptions): DatabaseSync {
  const pidFile = join(dir, "node.pid");
  let db: DatabaseSync | undefined;
  try {
    mkdirSync(dir, { recursive: true });
    db = new DatabaseSync(join(dir, "node.sqlite"), { timeout: 1000 });
    db.exec(`PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = ${fsync ? "FULL" : "NORMAL"};
      BEGIN EXCLUSIVE;
      CREATE TABLE IF NOT EXISTS collections(uid INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE NOT NULL,
        config TEXT NOT NULL, version INTEGER NOT NULL);
      CREATE TABLE IF NOT EXISTS aliases(alias TEXT PRIMARY KEY, uid INTEGER NOT NULL);
      COMMIT`);
    writeFileSync(pidFile, `${pid}\n`);
    return db;
  } catch (error) {
    db?.close();
    const code = (error as { errcode?: number }).errcode;
    // SQLITE_BUSY and SQLITE_LOCKED.
    if (code !== undefined && [5, 6].includes(code & 0xff))
      throw new RagctlError(`the data directory ${dir} is in use by another node${holder(pidFile)}`, {
        code: "data-dir-locked",
        exitCode: ExitCode.refused,
        hint: "stop that process, or give this node a directory of its own with --dir",
        cause: error,
      });
    throw new RagctlError(`cannot use ${dir} as a data directory: ${(error as Error).message}`, {
      code: "data-dir-unusable",
      exitCode: ExitCode.usage,
      hint: "give a directory that can be written, with --dir",
      cause: error,
    });
  }
}

function holder(pidFile: string): string {
  try {
    return ` (process ${readFileSync(pidFile, "utf8").trim()})`;
  } catch {
    return "";
  }
}

/** Runs `body` in one transaction: all of it, or none. */
export function transaction<T>(db: DatabaseSync, body: () => T): T {
  db.exec("BEGIN IMMEDIATE");
  try {
    const result = body();
    db.exec("COMMIT");
    return result;
  } catch (error) {
    db.exec("ROLLBACK");
    throw error;
  }
}

export interface PointRow {
  label: number;
  id: number | string;
  version: number;
  /** The operation that last wrote the vectors: what a saved graph may not have seen. */
  vector_version: number;
  payload: string;
  vectors: Uint8Array;
}

/** The rows of one collection. Every write also stores the collection's version, in the same transaction as its caller's. */
export class PointTable {
  readonly #db: DatabaseSync;
  readonly #table: string;
  readonly #put: StatementSync;
  readonly #delete: StatementSync;
  readonly #payload: StatementSync;
  readonly #setPayload: StatementSync;
  readonly #setVersion: StatementSync;
  readonly #uid: number;

  constructor(db: DatabaseSync, uid: number) {
    this.#db = db;
    this.#uid = uid;
    this.#table = `points_${uid}`;
    db.exec(`CREATE TABLE IF NOT EXISTS ${this.#table}(label INTEGER PRIMARY KEY, id, version INTEGER NOT NULL,
      vector_version INTEGER NOT NULL, payload TEXT NOT NULL, vectors BLOB NOT NULL)`);
    this.#put = db.prepare(`INSERT OR REPLACE INTO ${this.#table} VALUES (?, ?, ?, ?, ?, ?)`);
    this.#delete = db.prepare(`DELETE FROM ${this.#table} WHERE label = ?`);
    this.#payload = db.prepare(`SELECT payload FROM ${this.#table} WHERE label = ?`);
    this.#setPayload = db.prepare(`UPDATE ${this.#table} SET payload = ?, version = ? WHERE label = ?`);
    this.#setVersion = db.prepare("UPDATE collections SET version = ? WHERE uid = ?");
  }

  put(label: number, id: number | string, version: number, payload: string, vectors: Uint8Array): void {
    this.#put.run(label, id, version, version, payload, vectors);
  }

  delete(label: number): void {
    this.#delete.run(label);
  }

  setPayload(label: number, payload: string, version: number): void {
    this.#setPayload.run(payload, version, label);
  }

  setVersion(version: number): void {
    this.#setVersion.run(version, this.#uid);
  }

  /** The payload as JSON text. */
  payload(label: number): string {
    return (this.#payload.get(label) as { payload: string }).payload;
  }

  /** Every row, in order of label. */
  rows(): IterableIterator<PointRow> {
    return this.#db.prepare(`SELECT * FROM ${this.#table} ORDER BY label`).iterate() as unknown as IterableIterator<PointRow>;
  }

  drop(): void {
    this.#db.exec(`DROP TABLE IF EXISTS ${this.#table}`);
  }
}
