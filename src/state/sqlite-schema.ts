import type { DatabaseSync } from "node:sqlite";
import { RagctlError } from "../errors.ts";

/** Raised with every change of the schema; a newer file is refused rather than misread. */
const schemaVersion = 2;

/** Creates what is missing. Safe when several processes open a new file at once. */
export function applySchema(database: DatabaseSync): void {
  const found = (database.prepare("PRAGMA user_version").get() as { user_version: number }).user_version;
  if (found === schemaVersion) return;
  if (found > schemaVersion)
    throw new RagctlError(`The state file was written by a newer ragctl (schema ${found}; this one knows ${schemaVersion}).`, {
      code: "state-newer",
      exitCode: 3,
      hint: "Update ragctl.",
    });
  database.exec(`
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS tables (collection TEXT PRIMARY KEY, epoch INTEGER NOT NULL, json TEXT) STRICT;
    CREATE TABLE IF NOT EXISTS aliases (alias TEXT PRIMARY KEY, version INTEGER NOT NULL, json TEXT NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS leases (
      client TEXT PRIMARY KEY, purpose TEXT NOT NULL, host TEXT NOT NULL, confirmed TEXT NOT NULL, expires_ms REAL NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS locks (
      name TEXT PRIMARY KEY, token INTEGER NOT NULL, owner TEXT, acquired_ms REAL NOT NULL, expires_ms REAL NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS touched (
      seq INTEGER PRIMARY KEY AUTOINCREMENT, collection TEXT NOT NULL, move TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL,
      op TEXT NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS touched_by_move ON touched (collection, move, seq);
    PRAGMA user_version = ${schemaVersion};
    COMMIT;
  `);
}
