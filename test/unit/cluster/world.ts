import { connectCluster, type ClusterClient, type OnClientEvent } from "../../../src/cluster/index.ts";
import type { ClusterConfig } from "../../../src/config/schema.ts";
import { seededRng } from "../../../src/runtime.ts";
import { loadHashes, type NodeState, type RoutingTable } from "../../../src/sharding/index.ts";
import type { StateStore } from "../../../src/state/index.ts";
import { EventClock } from "../../helpers/sim/event-clock.ts";
import { MemoryState, memoryState } from "../../helpers/sim/memory-state.ts";
import { SimNetwork } from "../../helpers/sim/network.ts";
import { tableOf } from "../sharding/tables.ts";

export const requestTimeoutMs = 1_000;

/** A simulated cluster with one collection, `docs`, and clients of it. */
export interface World {
  cluster: ClusterConfig;
  clock: EventClock;
  network: SimNetwork;
  shared: MemoryState;
  state: StateStore;
  table(): RoutingTable;
  put(change: Partial<RoutingTable>): void;
  connect(id?: string, state?: StateStore): Promise<ClusterClient>;
  /** Runs the simulation until `work` has ended, or 60 s have passed. */
  until<T>(work: Promise<T>): Promise<T>;
}

export async function world(
  states: Record<string, NodeState>,
  options: {
    table?: Partial<RoutingTable>;
    routing?: Partial<ClusterConfig["routing"]>;
    topology?: "native";
    onEvent?: OnClientEvent;
  } = {},
): Promise<World> {
  await loadHashes();
  const clock = new EventClock();
  const rng = seededRng(7);
  const ids = Object.keys(states);
  const network = new SimNetwork(ids, clock, rng);
  const shared = new MemoryState();
  const table = tableOf(states, options.table);
  const put = (next: RoutingTable) => {
    shared.tables.set("docs", JSON.stringify(next));
    shared.epochs.set("docs", next.epoch);
  };
  put(table);
  const cluster: ClusterConfig = {
    name: "sim",
    source: { kind: "flags" },
    topology: options.topology ?? "routed",
    store: { driver: "qdrant", timeout: requestTimeoutMs },
    nodes: ids.map((id) => ({ id, url: `http://${id}`, weight: 1 })),
    routing: {
      replicas: table.replicas,
      minAcks: 1,
      consistency: "one",
      virtualNodes: 20,
      hash: "xxh32",
      breaker: "rolling",
      hedge: "off",
      maxInFlightPerNode: 128,
      ...options.routing,
    },
    objectives: {},
    state: { driver: "sqlite" },
    protected: false,
    client: {},
  };
  const state = memoryState(shared, clock);
  return {
    cluster,
    clock,
    network,
    shared,
    state,
    table: () => shared.table("docs")!,
    put: (change) => put({ ...shared.table("docs")!, ...change, epoch: shared.epochs.get("docs")! + 1 }),
    connect: (id = "client", store = state) =>
      connectCluster(
        cluster,
        { clock, rng, purpose: "test", cwd: "/", ...(options.onEvent && { onEvent: options.onEvent }) },
        {
          createPool: ({ origin }) => network.pool(origin),
          driver: network.driver(),
          state: store,
          clientId: id,
        },
      ),
    async until(work) {
      const run = { done: false };
      const settled = work.finally(() => (run.done = true));
      settled.catch(() => undefined);
      for (let step = 0; step < 6000 && !run.done; step++) await clock.run(10);
      if (!run.done) throw new Error("still not done after 60 s of simulated time");
      return await settled;
    },
  };
}

export const records = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => ({ key: `key ${from + i}`, vector: [1, i, 0, 0], payload: { n: from + i } }));
