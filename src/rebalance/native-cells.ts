import type { ClusterConfig } from "../config/schema.ts";
import { ExitCode, RagctlError } from "../errors.ts";
import { nativeAccess, observeNative } from "../migration/native/index.ts";
import type { Clock } from "../runtime.ts";
import { cellKey, foundTable } from "../sharding/native-table.ts";
import { physicalOf, type RoutingTable } from "../sharding/table.ts";
import type { ObservedNative } from "../sharding/native/index.ts";

/**
 * A native collection as a table of its nodes: who holds which cell, by the store's own view. For plans and simulations; it is not what is written
 * down (that one knows the cluster as a whole).
 * @param known what is written down of it; undefined: its store places the points
 * @throws RagctlError exit 2 where the store's cluster mode is off, 3 where no node answers
 */
export async function nativeCells(
  cluster: ClusterConfig,
  { name, vector }: { name: string; vector: RoutingTable["vector"] },
  known: RoutingTable | undefined,
  { clock, cwd, signal }: { clock: Clock; cwd: string; signal: AbortSignal },
): Promise<RoutingTable> {
  const table: RoutingTable = known ?? { ...foundTable(name, vector, cluster.routing), epoch: 0 };
  const observed = await observeNative(nativeAccess(cluster, physicalOf(table), { clock, cwd }), { signal });
  const nodes = observed.nodes.map(({ id, url = "http://unknown.invalid", weight, zone }) => {
    const node = { url, weight, state: "serving" as const };
    return [id, zone === undefined ? node : { ...node, zone }] as const;
  });
  const { partitioner } = table;
  const owners = partitioner.kind === "semantic" ? ownersIn(observed, partitioner.centroids.length) : undefined;
  return {
    ...table,
    partitioner: partitioner.kind === "semantic" && owners ? { ...partitioner, owners } : partitioner,
    replicas: Math.min(observed.replicationFactor, nodes.length),
    members: nodes.map(([id]) => id),
    nodes: Object.fromEntries(nodes),
  };
}

/** Undefined where some cell is nowhere. */
function ownersIn({ shards }: ObservedNative, cells: number): string[][] | undefined {
  const owners = Array.from({ length: cells }, (_, cell) => {
    const of = shards.filter(({ key }) => key === cellKey(cell));
    return [...new Set(of.flatMap(({ replicas }) => replicas.map(({ node }) => node)))];
  });
  return owners.every((ids) => ids.length > 0) ? owners : undefined;
}

/** @throws RagctlError exit 7 where a change of it is half done */
export function requireNoCopy({ native, collection }: RoutingTable): void {
  if (!native?.copy && native?.left === undefined) return;
  throw new RagctlError(`A change of the cells of ${collection} is half applied.`, {
    code: "plan-in-flight",
    exitCode: ExitCode.refused,
    hint: "Finish it with ragctl rebalance apply --resume, or take it back with --abort.",
  });
}
