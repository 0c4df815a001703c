import { connectCluster } from "../../cluster/index.ts";
import type { ClusterClient } from "../../cluster/contract.ts";
import type { ClusterConfig } from "../../config/schema.ts";
import type { OperationDeps } from "./deps.ts";

/** The client that an operation works with: it tells what it makes of its nodes where somebody listens. */
export function connectFor(
  { cluster, cwd }: { cluster: ClusterConfig; cwd: string },
  { clock, rng, purpose, onClientEvent }: OperationDeps,
): Promise<ClusterClient> {
  return connectCluster(cluster, { clock, rng, purpose, cwd, ...(onClientEvent && { onEvent: onClientEvent }) });
}
