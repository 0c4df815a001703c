import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import type { VectorMemo } from "./contract.ts";
import { fromBytes, toBytes } from "./embedder.ts";

const busyTimeoutMs = 5000;
const keysPerQuery = 500;

/**
 * A memo in a SQLite file that all processes of this machine share. It may lose its last entries in a power cut, and is
 * never wrong. Above `maxBytes`, the oldest quarter goes when it is opened.
 * @throws where the file cannot be opened
 */
export async function sqliteMemo(path: string, maxBytes: number): Promise<VectorMemo> {
  const { DatabaseSync } = await import("node:sqlite");
  mkdirSync(dirname(path), { recursive: true });
  const database = new DatabaseSync(path);
  database.exec(
    `PRAGMA busy_timeout = ${busyTimeoutMs}; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
     CREATE TABLE IF NOT EXISTS embeddings (key TEXT PRIMARY KEY, vector BLOB NOT NULL);`,
  );
  const one = (sql: string) => Number(Object.values(database.prepare(sql).get() ?? {})[0] ?? 0);
  const usedBytes = (one("PRAGMA page_count") - one("PRAGMA freelist_count")) * one("PRAGMA page_size");
  if (usedBytes > maxBytes)
    database.exec(
      `DELETE FROM embeddings WHERE rowid IN
         (SELECT rowid FROM embeddings ORDER BY rowid LIMIT (SELECT count(*) / 4 FROM embeddings))`,
    );
  const insert = database.prepare("INSERT OR IGNORE INTO embeddings (key, vector) VALUES (?, ?)");
  return {
    async get(keys) {
      const found = new Map<string, Float32Array>();
      for (let from = 0; from < keys.length; from += keysPerQuery) {
        const some = keys.slice(from, from + keysPerQuery);
        const rows = database
          .prepare(`SELECT key, vector FROM embeddings WHERE key IN (${some.map(() => "?").join(",")})`)
          .all(...some) as { key: string; vector: Uint8Array }[];
        for (const { key, vector } of rows) {
          const held = fromBytes(vector);
          if (held) found.set(key, held);
        }
      }
      return keys.map((key) => found.get(key));
    },
    async put(entries) {
      database.exec("BEGIN IMMEDIATE");
      try {
        for (const [key, vector] of entries) insert.run(key, toBytes(vector));
        database.exec("COMMIT");
      } catch (error) {
        if (database.isTransaction) database.exec("ROLLBACK");
        throw error;
      }
    },
    async close() {
      database.close();
    },
  };
}
