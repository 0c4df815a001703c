import type { ClusterConfig } from "../config/schema.ts";
import type { Runtime } from "../runtime.ts";
import { connects } from "./connects.ts";
import type { StatusDeps } from "./collect.ts";

/** The real parts of a cluster for `collectStatus`. */
export async function statusDeps(cluster: ClusterConfig, runtime: Runtime): Promise<StatusDeps> {
  const [{ driverFor }, { endpointOf, poolOptionsOf }, { createPool }, { readTables }] = await Promise.all([
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
      // A store that shards by itself counts for the whole cluster: what one node holds is for its own telemetry to say.
      if (cluster.topology === "native") return (await control.collectionInfo(collection))?.pointsCount ?? 0;
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
    async cache() {
      if (!cluster.cache) return undefined;
      const { openCache } = await import("../cache/index.ts");
      return await openCache(cluster.cache, { clock: runtime.clock });
    },
    connects,
  };
}
