import type { ClusterConfig } from "../config/schema.ts";
import type { VectorStoreDriver } from "./contract.ts";
import { qdrant } from "./qdrant/index.ts";

/** Every driver, by the name that the config calls it. */
export const storeDrivers = { qdrant } as const satisfies Record<ClusterConfig["store"]["driver"], VectorStoreDriver>;

export function driverFor(cluster: Pick<ClusterConfig, "store">): VectorStoreDriver {
  return storeDrivers[cluster.store.driver];
}
