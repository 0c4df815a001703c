import type { ClusterClient, StoredRecord, WriteRecord, WriteResult } from "../../../src/cluster/contract.ts";
import type { CollectionSpec } from "../../../src/stores/contract.ts";

type Write = { kind: "upsert"; keys: string[] } | { kind: "delete"; keys: string[] };

/** A cluster in memory: enough of the client for ingest, with every write on record and failures on request. */
export function fakeCluster(options: { timeoutMs?: number } = {}) {
  const collections = new Map<string, { spec: CollectionSpec; points: Map<string, WriteRecord> }>();
  const writes: Write[] = [];
  const state = {
    fetches: 0,
    /** Keys that one replica alone has; a write brings them to all. */
    onOneReplica: new Set<string>(),
    /** Asked before each write; keys it names fail with their reason, and what it throws is thrown. */
    onWrite: (_write: Write): Map<string, string> | undefined => undefined,
    /** Awaited before each write. */
    beforeWrite: async (): Promise<void> => {},
  };
  const points = (name: string) => {
    const found = collections.get(name);
    if (!found) throw new Error(`no collection ${name}`);
    return found.points;
  };
  async function write(record: Write, apply: (key: string) => void): Promise<WriteResult> {
    await state.beforeWrite();
    writes.push(record);
    const failures = state.onWrite(record) ?? new Map<string, string>();
    for (const key of record.keys) {
      if (failures.has(key)) continue;
      apply(key);
      state.onOneReplica.delete(key);
    }
    return {
      acknowledged: record.keys.filter((key) => !failures.has(key)),
      failed: [...failures].map(([key, reason]) => ({ key, reason })),
      version: writes.length,
      markedStale: [],
    };
  }
  const client: Partial<ClusterClient> = {
    cluster: { name: "fake", store: { driver: "qdrant", timeout: options.timeoutMs ?? 1000 } } as ClusterClient["cluster"],
    async ensureCollection(name, spec) {
      const created = !collections.has(name);
      if (created) collections.set(name, { spec, points: new Map() });
      return { created };
    },
    async collectionInfo(name) {
      const found = collections.get(name);
      return found && { ...found.spec, status: "green", pointsCount: found.points.size, indexedPayloadFields: [] };
    },
    async fetch(name, keys, { everyOwner } = {}) {
      state.fetches++;
      const held = points(name);
      return keys.flatMap((key): StoredRecord[] => {
        const record = held.get(key);
        if (!record) return [];
        const agreed = everyOwner ? { agreed: !state.onOneReplica.has(key) } : {};
        return [{ id: key, key, payload: record.payload ?? {}, ...agreed }];
      });
    },
    upsert: (name, records) => {
      const byKey = new Map(records.map((record) => [record.key, record]));
      return write({ kind: "upsert", keys: [...byKey.keys()] }, (key) => points(name).set(key, byKey.get(key)!));
    },
    delete: (name, keys) => write({ kind: "delete", keys: [...keys] }, (key) => points(name).delete(key)),
    close: async () => {},
  };
  return { client: client as ClusterClient, collections, points, writes, state };
}
