import { randomUUID } from "node:crypto";
import type { ClusterConfig } from "../config/schema.ts";
import { RagctlError } from "../errors.ts";
import { createWirePool } from "../http/wire/pool.ts";
import { loadHashes } from "../sharding/hash.ts";
import { openStateStore, stateBaseDir, stateIsAbsent, type StateLocation, type StateStore } from "../state/index.ts";
import type { DataFace } from "../stores/contract.ts";
import { endpointOf, poolOptionsOf } from "../stores/endpoint.ts";
import { driverFor } from "../stores/index.ts";
import type { ClientOptions, ClusterClient } from "./contract.ts";
import type { ClusterDeps } from "./deps.ts";
import { teller } from "./events.ts";
import { hedgeBurst } from "./hedge.ts";
import { nativeClient } from "./native/client.ts";
import { NativeTables } from "./native/tables.ts";
import { ClusterNodes, defaultRequestTimeoutMs, type NodesDeps } from "./nodes.ts";
import { thisHost } from "./this-host.ts";
import { withRate } from "./rate.ts";
import { routedClient } from "./routed.ts";
import { newBucket } from "./token-bucket.ts";
import { VersionClock } from "./version.ts";
import { TableWatch } from "./watch.ts";

export type * from "./contract.ts";
export type * from "./events.ts";

/** What a simulation puts in place of the network, the state store and chance. */
export interface ClientInternals {
  createPool?: NodesDeps["createPool"];
  driver?: NodesDeps["driver"];
  state?: StateStore;
  clientId?: string;
}

/**
 * Connects to a cluster: opens its state store (routed) and a connection pool a node. Nothing is asked of the nodes yet.
 * @throws RagctlError exit 2 for what the config has wrong (a TLS file), 3 where the state store cannot be reached
 */
export async function connectCluster(
  cluster: ClusterConfig,
  options: ClientOptions,
  internals: ClientInternals = {},
): Promise<ClusterClient> {
  await loadHashes();
  const driver = internals.driver ?? driverFor(cluster);
  const tell = teller(options.onEvent, options.clock, options.purpose);
  const faces = new Map<string, DataFace>();
  const deps: ClusterDeps = {
    cluster,
    clock: options.clock,
    rng: options.rng,
    nodes: new ClusterNodes(cluster, {
      driver,
      createPool: internals.createPool ?? createWirePool,
      endpointOf: (of, node) => endpointOf(of, node, options.cwd),
      poolOptionsOf,
      clock: options.clock,
      tell,
    }),
    versions: new VersionClock(() => options.clock.nowMs()),
    capabilities: driver.capabilities,
    level: cluster.routing.consistency,
    minAcks: cluster.routing.minAcks,
    requestTimeoutMs: cluster.store.timeout ?? defaultRequestTimeoutMs,
    hedge: { mode: cluster.routing.hedge, budget: newBucket(0, hedgeBurst, 0) },
    face(collection) {
      let data = faces.get(collection);
      if (!data) faces.set(collection, (data = driver.data(collection, cluster.store.vector)));
      return data;
    },
  };
  const { maxRate } = cluster.routing;
  const limited = (client: ClusterClient) => (maxRate === undefined ? client : withRate(client, maxRate, options.clock));
  // Not from the seeded rng: two processes with one seed must not be one client.
  const clientId = internals.clientId ?? randomUUID();
  const watched = (state: StateStore) => ({
    state,
    watch: new TableWatch(state, { clock: options.clock, client: clientId, purpose: options.purpose, host: thisHost, tell }),
  });
  if (cluster.topology === "native") {
    const tables = new NativeTables(
      {
        absent: () => !internals.state && stateIsAbsent(cluster.state, locationOf(cluster, options)),
        open: async () => watched(await open(cluster, options, internals)),
      },
      options.clock,
    );
    await tables.get().catch(unopened);
    return limited(nativeClient({ ...deps, tables, clientId }));
  }
  return limited(routedClient({ ...deps, ...watched(await open(cluster, options, internals)), clientId }));
}

function open(cluster: ClusterConfig, options: ClientOptions, { state }: ClientInternals): Promise<StateStore> {
  return state ? Promise.resolve(state) : openClusterState(cluster, options);
}

/** A native cluster can be read without its state store. */
function unopened(error: unknown): void {
  if (!(error instanceof RagctlError)) throw error;
}

function locationOf(cluster: ClusterConfig, { clock, cwd }: Pick<ClientOptions, "clock" | "cwd">): StateLocation {
  return { clusterName: cluster.name, baseDir: stateBaseDir(cluster.source, cwd), clock };
}

/** The state store of a routed cluster, where its config says. */
export function openClusterState(cluster: ClusterConfig, options: Pick<ClientOptions, "clock" | "cwd">): Promise<StateStore> {
  return openStateStore(cluster.state, locationOf(cluster, options));
}
