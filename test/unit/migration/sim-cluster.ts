import { connectCluster, type ClusterClient } from "../../../src/cluster/index.ts";
import { ClusterNodes } from "../../../src/cluster/nodes.ts";
import type { ClusterConfig } from "../../../src/config/schema.ts";
import { RagctlError } from "../../../src/errors.ts";
import { abortPlan, applyPlan } from "../../../src/migration/apply.ts";
import { applyChange } from "../../../src/migration/change.ts";
import type { Layouts } from "../../../src/migration/beside/layouts.ts";
import { alwaysCalm, unlimited, type MoverDeps } from "../../../src/migration/contract.ts";
import { clusterLock, holdLock, nodeLock } from "../../../src/migration/lock.ts";
import { planStateOf } from "../../../src/migration/plan-state.ts";
import { abortSpill } from "../../../src/migration/spill.ts";
import { repairNode, staleNodes } from "../../../src/migration/repair.ts";
import type { Rng } from "../../../src/runtime.ts";
import type { Plan } from "../../../src/sharding/plan/contract.ts";
import type { RoutingTable } from "../../../src/sharding/index.ts";
import { physicalOf } from "../../../src/sharding/table.ts";
import type { DataFace } from "../../../src/stores/contract.ts";
import type { StateStore } from "../../../src/state/index.ts";
import { EventClock } from "../../helpers/sim/event-clock.ts";
import { MemoryState, memoryState } from "../../helpers/sim/memory-state.ts";
import { SimNetwork } from "../../helpers/sim/network.ts";

export const collection = "docs";
export const requestTimeoutMs = 1_000;
export const patienceMs = 8_000;

/** How one process sees the others: a state store and a network of its own, which stop when it dies. */
export class SimCluster {
  readonly clock = new EventClock();
  readonly shared = new MemoryState();
  readonly network: SimNetwork;
  readonly rng: Rng;
  readonly dead = new Set<string>();
  readonly config: ClusterConfig;
  storeAway = false;
  /** Awaited by every operation on the state store, twice. */
  travel: (who: string) => Promise<void> = () => this.clock.sleep(this.rng() * 2);
  /** What of the protocol a process leaves out: its view of the state store. */
  tamper: (state: StateStore) => StateStore = (state) => state;
  /** What of it a mover's requests leave out. */
  tamperFace: (face: DataFace) => DataFace = (face) => face;
  /** What of it a client's requests leave out. */
  tamperClientFace: (face: DataFace) => DataFace = (face) => face;
  readonly notes: string[] = [];
  readonly journals: string[] = [];

  constructor(table: RoutingTable, rng: Rng, config: Partial<ClusterConfig["routing"]> = {}) {
    this.rng = rng;
    this.network = new SimNetwork(Object.keys(table.nodes), this.clock, rng);
    this.shared.tables.set(collection, JSON.stringify(table));
    this.shared.epochs.set(collection, table.epoch);
    this.config = {
      name: "sim",
      source: { kind: "flags" },
      topology: "routed",
      store: { driver: "qdrant", timeout: requestTimeoutMs },
      nodes: table.members.map((id) => ({ id, url: `http://${id}`, weight: 1 })),
      routing: {
        replicas: table.replicas,
        minAcks: 1,
        consistency: "one",
        virtualNodes: 3,
        hash: "xxh32",
        breaker: "rolling",
        hedge: "off",
        maxInFlightPerNode: 128,
        ...config,
      },
      objectives: {},
      state: { driver: "sqlite" },
      protected: false,
    };
  }

  get table(): RoutingTable {
    return this.shared.table(collection)!;
  }

  state(who: string): StateStore {
    return memoryState(this.shared, this.clock, async () => {
      await this.travel(who);
      if (this.dead.has(who)) await new Promise(() => undefined);
      if (this.storeAway) throw new RagctlError("the state store is away", { code: "state-unavailable", exitCode: 3 });
    });
  }

  client(who: string): Promise<ClusterClient> {
    const driver = this.network.driver(() => this.dead.has(who));
    return connectCluster(
      this.config,
      { clock: this.clock, rng: this.rng, purpose: who, cwd: "/" },
      {
        createPool: ({ origin }) => this.network.pool(origin, () => this.dead.has(who)),
        driver: { ...driver, data: (name, vector) => this.tamperClientFace(driver.data(name, vector)) },
        state: this.state(who),
        clientId: who,
      },
    );
  }

  /** What a mover works with. */
  mover(who: string, held: { fence: MoverDeps["fence"]; unclean: boolean }, state: StateStore): MoverDeps {
    const driver = this.network.driver(() => this.dead.has(who));
    return {
      collection,
      state: this.tamper(state),
      nodes: new ClusterNodes(this.config, {
        driver,
        createPool: ({ origin }) => this.network.pool(origin, () => this.dead.has(who)),
        endpointOf: (_cluster, { id, url }) => ({ id, url }),
        poolOptionsOf: (_driver, { url }) => ({ origin: url }),
        clock: this.clock,
      }),
      physical: physicalOf(this.table),
      face: this.tamperFace(driver.data(physicalOf(this.table))),
      capabilities: driver.capabilities,
      clock: this.clock,
      rng: this.rng,
      requestTimeoutMs,
      patienceMs,
      fence: held.fence,
      unclean: held.unclean,
      throttle: unlimited,
      governor: alwaysCalm,
      journal: { record: (name, phase) => void this.journals.push(`${who} ${name} ${phase}`) },
      signal: new AbortController().signal,
      note: (text) => void this.notes.push(text),
      onCopied: () => undefined,
    };
  }

  /** A node that comes back loses the layouts that it was not there to drop. */
  readonly #prepare = (id: string): Promise<void> => {
    const { table, network } = this;
    const node = network.nodes.get(id)!;
    const wanted = new Set([physicalOf(table), table.beside?.physical]);
    for (const name of node.collections.keys()) if (!wanted.has(name)) node.drop(name);
    if (!table.beside && physicalOf(table) !== collection) node.aliases.set(collection, physicalOf(table));
    return Promise.resolve();
  };

  #layouts(who: string): Layouts {
    const { clock, rng, network, dead } = this;
    const reach = async (id: string) => {
      await clock.sleep(rng() * 5);
      if (dead.has(who)) await new Promise(() => undefined);
      const node = network.nodes.get(id)!;
      if (node.state !== "up") throw new RagctlError(`${id} does not answer`, { code: "node-unreachable", exitCode: 3 });
      return node;
    };
    return {
      face: (physical) => this.tamperFace(network.driver(() => dead.has(who)).data(physical)),
      requireCopyable: () => Promise.resolve(),
      async create(id, _table, { physical }) {
        const node = await reach(id);
        node.dropped.delete(physical);
        node.points(physical);
      },
      // From then on a late request by the collection's own name meets the layout that serves.
      async drop(id, table, physical) {
        const node = await reach(id);
        node.drop(physical);
        const heir = physicalOf(table);
        if (heir === collection) return;
        node.drop(collection);
        node.aliases.set(collection, heir);
      },
    };
  }

  #owner(who: string) {
    return { host: "sim", pid: 1, startTime: who, purpose: who };
  }

  /** One process of `shard apply --resume`: to its end, or to an error. */
  async apply(plan: Plan, who: string, concurrency = 1): Promise<"finished"> {
    const state = this.state(who);
    const { clock } = this;
    const isDead = ({ startTime }: { startTime: string }) => this.dead.has(startTime);
    const held = await holdLock(state, { name: clusterLock, owner: this.#owner(who), clock, requestTimeoutMs, isDead });
    try {
      if (planStateOf(plan, (await state.getTable(collection))!, "sim") === "finished") return "finished";
      await (plan.kind === "rebalance" ? applyChange : applyPlan)(plan, {
        ...this.mover(who, held, state),
        prepareNode: this.#prepare,
        layouts: this.#layouts(who),
        soft: new AbortController().signal,
        concurrency,
        onStep: () => undefined,
      });
      return "finished";
    } finally {
      await held.release();
    }
  }

  /** One process of `rebalance apply --abort`, of a plan of copies near boundaries. */
  async abortSpill(plan: Plan, who: string): Promise<"finished"> {
    const state = this.state(who);
    const { clock } = this;
    const isDead = ({ startTime }: { startTime: string }) => this.dead.has(startTime);
    const held = await holdLock(state, { name: clusterLock, owner: this.#owner(who), clock, requestTimeoutMs, isDead });
    try {
      const now = planStateOf(plan, (await state.getTable(collection))!, "sim");
      if (now === "fresh") return "finished";
      const deps = this.mover(who, held, state);
      await abortPlan(plan.planId, deps);
      await abortSpill(plan, deps);
      return "finished";
    } finally {
      await held.release();
    }
  }

  /** What `shard repair --watch` does, for ever. */
  async repairs(who: string): Promise<void> {
    const state = this.state(who);
    const { clock } = this;
    const isDead = ({ startTime }: { startTime: string }) => this.dead.has(startTime);
    for (;;) {
      await clock.sleep(1_000);
      try {
        for (const node of staleNodes((await state.getTable(collection))!)) {
          const held = await holdLock(state, { name: nodeLock(node), owner: this.#owner(who), clock, requestTimeoutMs, isDead });
          try {
            await repairNode(node, { ...this.mover(who, held, state), prepareNode: this.#prepare });
          } finally {
            await held.release();
          }
        }
      } catch (error) {
        if (!(error instanceof RagctlError)) throw error;
        this.notes.push(`repairs: ${error.message}`);
      }
    }
  }
}

export function ringTable(ids: readonly string[], replicas: number, joining: readonly string[], virtualNodes = 3): RoutingTable {
  const node = (id: string, state: "serving" | "joining") => [id, { url: `http://${id}`, weight: 1, state }] as const;
  return {
    schemaVersion: 1,
    collection,
    epoch: 1,
    partitioner: { kind: "ring", hash: "xxh32", virtualNodes },
    replicas,
    members: [...ids],
    nodes: Object.fromEntries([...ids.map((id) => node(id, "serving")), ...joining.map((id) => node(id, "joining"))]),
    moves: [],
    vector: { size: 4, distance: "Dot" },
  };
}
