import { existsSync } from "node:fs";
import { namesIn, targetOf } from "../cluster/aliases.ts";
import type { ClusterConfig } from "../config/schema.ts";
import { ExitCode, RagctlError, usageError } from "../errors.ts";
import type { Clock } from "../runtime.ts";
import type { RoutingTable } from "../sharding/table.ts";
import { openStateStore, sqliteStatePath, stateBaseDir, type StateStore } from "../state/index.ts";

/** Opens the state store of a routed cluster for reading; undefined where it would be a file that is not there, which looking must not make. */
export async function lookIntoState(
  cluster: ClusterConfig,
  { clock, cwd }: { clock: Clock; cwd: string },
): Promise<StateStore | undefined> {
  const location = { clusterName: cluster.name, baseDir: stateBaseDir(cluster.source, cwd) };
  if (cluster.state.driver === "sqlite" && !existsSync(sqliteStatePath(cluster.state.path, location))) return undefined;
  return await openStateStore(cluster.state, { ...location, clock });
}

/** The collection that a command means: what it was told, the config's, or the only one that has a table. @throws RagctlError exit 2 */
export function collectionOf(named: string | undefined, cluster: ClusterConfig, tables: readonly string[]): string {
  const collection = named ?? cluster.store.collection ?? (tables.length === 1 ? tables[0] : undefined);
  if (collection !== undefined) return collection;
  throw usageError(
    [{ path: "--collection", message: tables.length === 0 ? "is required" : `is required: there are ${tables.join(", ")}` }],
    { code: "collection-missing", hint: "or set store.collection in the config" },
  );
}

/** @throws RagctlError exit 2 where ragctl does not route that collection */
export async function tableOf(
  state: StateStore | undefined,
  named: string | undefined,
  cluster: ClusterConfig,
): Promise<RoutingTable> {
  const tables = state ? namesIn(await state.tables(), await state.aliases()) : [];
  const collection = collectionOf(named, cluster, tables);
  const table = state && (await state.getTable(await targetOf(state, collection)));
  if (table) return table;
  throw new RagctlError(
    `Collection ${collection} of cluster ${cluster.name} has no routing table: ragctl does not route it yet.`,
    {
      code: "no-table",
      exitCode: ExitCode.usage,
      hint:
        tables.length > 0
          ? `It routes ${tables.join(", ")}; ragctl shard adopt --collection ${collection} takes in another; --nodes a,b,c plans without a cluster.`
          : `ragctl ingest makes a collection; ragctl shard adopt --collection ${collection} takes one in; --nodes a,b,c plans without a cluster.`,
    },
  );
}
