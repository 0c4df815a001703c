import { existsSync } from "node:fs";
import type { ClusterConfig } from "../config/schema.ts";
import type { Runtime } from "../runtime.ts";
import type { RoutingTable } from "../sharding/table.ts";
import { openStateStore, sqliteStatePath, stateBaseDir, type StateStore } from "../state/index.ts";

/** Every routing table of a cluster; none for a native one. Looking does not make a state file where there is none. */
export async function readTables(cluster: ClusterConfig, runtime: Pick<Runtime, "clock" | "cwd">): Promise<RoutingTable[]> {
  if (cluster.topology !== "routed") return [];
  const location = { clusterName: cluster.name, baseDir: stateBaseDir(cluster.source, runtime.cwd) };
  if (cluster.state.driver === "sqlite" && !existsSync(sqliteStatePath(cluster.state.path, location))) return [];
  const store = await openStateStore(cluster.state, { ...location, clock: runtime.clock });
  try {
    return await allTables(store);
  } finally {
    await store.close();
  }
}

async function allTables(store: StateStore): Promise<RoutingTable[]> {
  const names = await store.tables();
  const tables = await Promise.all(names.map(({ collection }) => store.getTable(collection)));
  return tables.filter((table) => table !== undefined);
}
