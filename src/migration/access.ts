import { openClusterState } from "../cluster/index.ts";
import { giveAliases } from "../cluster/alias-switch.ts";
import { createOn } from "../cluster/collections.ts";
import { ClusterNodes, defaultRequestTimeoutMs } from "../cluster/nodes.ts";
import { thisHost } from "../cluster/this-host.ts";
import type { ClusterConfig } from "../config/schema.ts";
import { RagctlError } from "../errors.ts";
import { createPool } from "../http/pool.ts";
import { identify } from "../process-identity.ts";
import type { Clock, Rng } from "../runtime.ts";
import { loadHashes } from "../sharding/hash.ts";
import { isLayoutOf, physicalOf, type RoutingTable } from "../sharding/table.ts";
import type { LockOwner, StateStore } from "../state/contract.ts";
import { endpointOf, poolOptionsOf } from "../stores/endpoint.ts";
import { driverFor } from "../stores/index.ts";
import { alwaysCalm, unlimited, type Journal, type MoverDeps } from "./contract.ts";
import type { HeldLock } from "./lock.ts";
import { moveAliases } from "./rekey/aliases.ts";

/** What a migration takes from the process that it runs in. */
export interface MigrationRuntime {
  clock: Clock;
  rng: Rng;
  cwd: string;
  pid: number;
}

/** A routed cluster, opened for changes: its state store, and a connection to every node. */
export interface MigrationAccess {
  cluster: ClusterConfig;
  runtime: MigrationRuntime;
  state: StateStore;
  nodes: ClusterNodes;
  requestTimeoutMs: number;
  /** Who this process is, for locks. */
  owner(purpose: string): LockOwner;
  close(): Promise<void>;
}

/** @throws RagctlError exit 2 for what the config has wrong, 3 where the state store cannot be reached */
export async function openMigration(cluster: ClusterConfig, runtime: MigrationRuntime): Promise<MigrationAccess> {
  if (cluster.topology !== "routed")
    throw new RagctlError(`Cluster ${cluster.name} shards by itself: it has no routing tables.`, {
      code: "not-routed",
      exitCode: 2,
      hint: "The store repairs and moves its own shards; ragctl shard plan and apply drive it.",
    });
  return await openAccess(cluster, runtime);
}

/** Likewise, of either topology: what is changed is more than where points lie. */
export async function openAccess(cluster: ClusterConfig, runtime: MigrationRuntime): Promise<MigrationAccess> {
  await loadHashes();
  const { clock, cwd, pid } = runtime;
  const nodes = new ClusterNodes(cluster, {
    driver: driverFor(cluster),
    createPool,
    endpointOf: (of, node) => endpointOf(of, node, cwd),
    poolOptionsOf,
    clock,
  });
  const state = await openClusterState(cluster, runtime);
  return {
    cluster,
    runtime,
    state,
    nodes,
    requestTimeoutMs: cluster.store.timeout ?? defaultRequestTimeoutMs,
    owner: (purpose) => ({ host: thisHost, pid, startTime: identify(pid)?.startTime ?? "unknown", purpose }),
    async close() {
      await nodes.close();
      await state.close();
    },
  };
}

export interface MoverOptions {
  /** Of the collection, as it is. */
  table: Pick<RoutingTable, "collection" | "physical">;
  lock: Pick<HeldLock, "fence" | "unclean">;
  journal: Journal;
  signal: AbortSignal;
  patienceMs: number;
  note: (text: string) => void;
  throttle?: MoverDeps["throttle"];
  governor?: MoverDeps["governor"];
  onCopied?: MoverDeps["onCopied"];
}

/** What a tracked copy works with on a real cluster. */
export function moverDeps(access: MigrationAccess, options: MoverOptions): MoverDeps {
  const { cluster, state, nodes, runtime, requestTimeoutMs } = access;
  const driver = driverFor(cluster);
  const { table, lock, journal, signal, patienceMs, note } = options;
  const physical = physicalOf(table);
  return {
    collection: table.collection,
    physical,
    state,
    nodes,
    face: driver.data(physical, cluster.store.vector),
    capabilities: driver.capabilities,
    clock: runtime.clock,
    rng: runtime.rng,
    requestTimeoutMs,
    patienceMs,
    fence: lock.fence,
    unclean: lock.unclean,
    throttle: options.throttle ?? unlimited,
    governor: options.governor ?? alwaysCalm,
    journal,
    signal,
    note,
    onCopied: options.onCopied ?? (() => undefined),
  };
}

/**
 * Makes the collection on a node that lacks it, with the indexes that selectors need, gives it the aliases that stand for it, and takes away
 * what it was not there to drop: layouts of before.
 */
export async function prepareNode(access: MigrationAccess, collection: string, id: string, url: string): Promise<void> {
  const node = access.nodes.ofTable(id, url);
  // Looked at before the table: a layout that is begun in between is not among them.
  const there = await node.control.listCollections();
  const table = await access.state.getTable(collection);
  if (!table) return;
  const { size, distance, name } = table.vector;
  const spec = { size, distance, ...(name === undefined ? {} : { vector: name }) };
  const to = physicalOf(table);
  const wanted = new Set([to, table.beside?.physical]);
  await createOn(node, to, spec, () => undefined, table);
  for (const other of there) {
    if (wanted.has(other) || !(other === collection || isLayoutOf(other, collection))) continue;
    await moveAliases(node.control, { name: collection, from: other, to });
    await node.control.deleteCollection(other);
  }
  await giveAliases(access.state, table, node.control);
}
