import type { ClusterClient, NodeView, StoredRecord, WriteRecord } from "../../../src/cluster/contract.ts";
import type { ClusterConfig } from "../../../src/config/schema.ts";
import { ExitCode, RagctlError } from "../../../src/errors.ts";
import { createRouting, loadHashes, pointIdOf, type Routing, type RoutingTable } from "../../../src/sharding/index.ts";
import type { NodeHealth } from "../../../src/stores/contract.ts";

const ids = ["n1", "n2", "n3"];

/** A routed cluster of three nodes with two replicas, in memory, with ways to misbehave. */
export async function fakeNodes(config: Partial<ClusterConfig> = {}) {
  await loadHashes();
  const faults = {
    dead: new Set<string>(),
    /** Nodes that acknowledge writes and keep nothing. */
    forgetful: new Set<string>(),
    /** Nodes that acknowledge deletes and keep all. */
    hoarding: new Set<string>(),
    /** Every search finds this point. */
    wrongHit: undefined as number | undefined,
    dropFails: false,
    onUpsert: (): void => {},
  };
  const held = new Map<string, Map<string, Map<string, WriteRecord>>>();
  const routings = new Map<string, Routing>();
  const dropped: string[] = [];
  const cluster = {
    name: "fake",
    topology: "routed",
    nodes: ids.map((id) => ({ id, url: `http://${id}:6333`, weight: 1 })),
    store: { driver: "qdrant" },
    objectives: {},
    ...config,
  } as unknown as ClusterConfig;
  const tableOf = (collection: string): RoutingTable => ({
    schemaVersion: 1,
    collection,
    epoch: 1,
    partitioner: { kind: "ring", virtualNodes: 50, hash: "xxh32" },
    replicas: 2,
    members: ids,
    nodes: Object.fromEntries(ids.map((id) => [id, { url: `http://${id}:6333`, weight: 1, state: "serving" as const }])),
    moves: [],
    vector: { size: 32, distance: "Cosine" },
  });
  const on = (collection: string) => held.get(collection)!;
  const ownersOf = (collection: string, key: string, vector: WriteRecord["vector"]) => {
    const routing = routings.get(collection)!;
    return routing.setAt(routing.stamper.stamp(key, vector).position).owners.map((owner) => routing.nodeIds[owner]!);
  };
  const answer = (keys: readonly string[]) => ({ acknowledged: [...keys], failed: [], version: 1, markedStale: [] });
  const create = (name: string) => {
    held.set(name, new Map(ids.map((id) => [id, new Map()])));
    routings.set(name, createRouting(tableOf(name)));
  };
  const client: Partial<ClusterClient> = {
    cluster,
    async ensureCollection(name) {
      create(name);
      return { created: true };
    },
    async dropCollection(name) {
      if (faults.dropFails) throw new RagctlError("n3 did not answer", { code: "x", exitCode: ExitCode.unreachable });
      dropped.push(name);
      held.delete(name);
    },
    collections: async () => [...held.keys()],
    collectionInfo: async (name) => ({
      size: 32,
      distance: "Cosine",
      status: "green",
      pointsCount: on(name).get("n1")!.size,
      indexedPayloadFields: [],
    }),
    table: async (name) => tableOf(name),
    prepareSearch: (collection, vector, options) => Object.assign({ collection, options }, { vector }),
    async search(search) {
      const { vector } = search as unknown as { vector: Float32Array };
      const all = Array.from(on(search.collection).values(), (records) => Array.from(records.values())).flat();
      const best = all.find((record) => record.vector === vector);
      const id = faults.wrongHit ?? (best && pointIdOf(best.key));
      return { hits: id === undefined ? [] : [{ id, score: 1 }], requests: [] };
    },
    async upsert(name, records) {
      faults.onUpsert();
      for (const record of records)
        for (const owner of ownersOf(name, record.key, record.vector))
          if (!faults.forgetful.has(owner)) on(name).get(owner)!.set(record.key, record);
      return answer(records.map(({ key }) => key));
    },
    async delete(name, keys) {
      for (const [node, records] of on(name)) if (!faults.hoarding.has(node)) for (const key of keys) records.delete(key);
      return answer(keys);
    },
    onNode: (node) =>
      ({
        health: async (): Promise<NodeHealth> =>
          faults.dead.has(node)
            ? { ok: false, problem: "connect ECONNREFUSED" }
            : { ok: true, version: "1.18.0", latencyUs: 400 },
        fetch: async (name, wanted) =>
          [...on(name).get(node)!.values()]
            .filter(({ key }) => wanted.includes(pointIdOf(key)))
            .map(({ key }): StoredRecord => ({ id: pointIdOf(key), key, payload: {} })),
      }) as NodeView,
    close: async () => {},
  };
  return { client: client as ClusterClient, faults, held, dropped, create };
}
