import type { ClusterConfig } from "../config/schema.ts";
import { RagctlError } from "../errors.ts";
import type { Runtime } from "../runtime.ts";
import type { RoutingTable } from "../sharding/table.ts";
import { allTables, openStateStore, stateBaseDir, stateIsAbsent } from "../state/index.ts";

type Where = Pick<Runtime, "clock" | "cwd">;

/** Every routing table of a cluster; none for a native one. Looking does not make a state file where there is none. */
export async function readTables(cluster: ClusterConfig, runtime: Where): Promise<RoutingTable[]> {
  return cluster.topology === "routed" ? await read(cluster, runtime) : [];
}

/** Of a native cluster's collections those with cells: what the store calls them. None where the state store does not answer. */
export async function readNativeTables(cluster: ClusterConfig, runtime: Where): Promise<RoutingTable[]> {
  if (cluster.topology !== "native") return [];
  try {
    return (await read(cluster, runtime)).filter(({ native }) => native !== undefined);
  } catch (error) {
    if (error instanceof RagctlError) return [];
    throw error;
  }
}

async function read(cluster: ClusterConfig, { clock, cwd }: Where): Promise<RoutingTable[]> {
  const location = { clusterName: cluster.name, baseDir: stateBaseDir(cluster.source, cwd) };
  if (stateIsAbsent(cluster.state, location)) return [];
  const store = await openStateStore(cluster.state, { ...location, clock });
  try {
    return await allTables(store);
  } finally {
    await store.close();
  }
}
