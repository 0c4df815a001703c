import type { ClusterConfig } from "../../config/schema.ts";
import { ExitCode, RagctlError } from "../../errors.ts";
import type { Clock } from "../../runtime.ts";
import { endpointOf } from "../../stores/endpoint.ts";
import { driverFor } from "../../stores/index.ts";
import type { NativeAccess } from "./contract.ts";

/**
 * The control faces of a native cluster's nodes, by its config.
 * @throws RagctlError exit 2 where the driver has no shards to move, or a TLS file cannot be read
 */
export function nativeAccess(
  cluster: ClusterConfig,
  collection: string,
  { clock, cwd }: { clock: Clock; cwd: string },
): NativeAccess {
  const driver = driverFor(cluster);
  return {
    cluster: cluster.name,
    collection,
    ...(cluster.store.vector !== undefined && { vector: cluster.store.vector }),
    clock,
    nodes: cluster.nodes.map((node) => {
      const control = driver.control(endpointOf(cluster, node, cwd));
      if (!driver.capabilities.supportsShardMove || !hasCluster(control))
        throw new RagctlError(`the ${driver.name} driver cannot move shards: its store does not do so by itself`, {
          code: "shard-move-unsupported",
          exitCode: ExitCode.usage,
          hint: "Only Qdrant with its cluster mode does; any store can be moved under topology: routed.",
        });
      const { id, url, zone, weight } = node;
      return zone === undefined ? { id, url, weight, control } : { id, url, weight, zone, control };
    }),
  };
}

function hasCluster<T extends { cluster?: unknown }>(control: T): control is T & { cluster: NonNullable<T["cluster"]> } {
  return control.cluster !== undefined;
}
