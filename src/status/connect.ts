import type { ClusterConfig } from "../config/schema.ts";
import type { Runtime } from "../runtime.ts";
import type { StoreControl } from "../stores/contract.ts";
import { connects } from "./connects.ts";
import type { LocalShards, StatusDeps } from "./collect.ts";

/** The real parts of a cluster for `collectStatus`. */
export async function statusDeps(cluster: ClusterConfig, runtime: Runtime): Promise<StatusDeps> {
  const [{ driverFor }, { endpointOf, poolOptionsOf }, { createPool }, { readTables, readNativeTables }] = await Promise.all([
    import("../stores/index.ts"),
    import("../stores/endpoint.ts"),
    import("../http/pool.ts"),
    import("./tables.ts"),
  ]);
  const driver = driverFor(cluster);
  const timeoutMs = 5_000;
  return {
    clock: runtime.clock,
    control: async (node) => driver.control(endpointOf(cluster, node, runtime.cwd)),
    async pointsOn(node, control, collection) {
      if (cluster.topology === "native") return await localShards(control, collection);
      const pool = createPool({ ...poolOptionsOf(driver, endpointOf(cluster, node, runtime.cwd)), connections: 1 });
      try {
        const data = driver.data(collection);
        const answer = await pool.send(data.prepareCount(), { timeoutMs });
        if (answer.status >= 300) throw new Error(data.failure(answer.status, answer.body).message);
        return data.parseCount(answer.body);
      } finally {
        await pool.close();
      }
    },
    tables: () => readTables(cluster, runtime),
    nativeTables: () => readNativeTables(cluster, runtime),
    async cache(zone) {
      if (!cluster.cache) return undefined;
      const [{ openCache }, { cacheOfZone }] = await Promise.all([import("../cache/index.ts"), import("../cache/zones.ts")]);
      return await openCache(cacheOfZone(cluster.cache, zone), { clock: runtime.clock });
    },
    connects,
  };
}

/** A store that shards by itself counts for the whole cluster, but for its description of the shards. */
async function localShards(control: StoreControl, collection: string): Promise<number | LocalShards> {
  const view = (await control.clusterEnabled()) ? await control.cluster?.collection(collection) : undefined;
  // One node alone: all there is.
  if (!view) return (await control.collectionInfo(collection))?.pointsCount ?? 0;
  const local = view.replicas.filter(({ peerId }) => peerId === view.peerId);
  return {
    points: local.reduce((sum, { points }) => sum + (points ?? 0), 0),
    dead: local.filter(({ state }) => state === "Dead").map(({ shardId }) => shardId),
  };
}
