import { connectCluster, type ClusterClient } from "../../../src/cluster/index.ts";
import type { ClusterConfig } from "../../../src/config/schema.ts";
import { RagctlError } from "../../../src/errors.ts";
import { seededRng, type Rng } from "../../../src/runtime.ts";
import { createRouting, field, pointIdOf, type RoutingTable } from "../../../src/sharding/index.ts";
import { disturb } from "../../helpers/sim/disturb.ts";
import { EventClock } from "../../helpers/sim/event-clock.ts";
import { acceptable, writeNoted, type History } from "../../helpers/sim/history.ts";
import { MemoryState, memoryState } from "../../helpers/sim/memory-state.ts";
import { SimNetwork } from "../../helpers/sim/network.ts";
import { moveOnce } from "./mover.ts";

const requestTimeoutMs = 1_000;
const collection = "docs";
const busyMs = 6_000;
const leaseMs = 5_000;
const origin = [1, 0, 0, 0];
/** Of a semantic table: where a point is follows from its value. */
const centroids = Array.from({ length: 5 }, (_, cell) => [1, Math.cos(cell * 1.2), Math.sin(cell * 1.2), 0]);
const vectorOf = (value: number) => centroids[value % centroids.length]!;

export interface Outcome {
  seed: number;
  problems: string[];
  acknowledged: number;
  refused: number;
  searches: number;
  partial: number;
  unreachable: number;
  stale: number;
  /** Quiet marks that were made, and nodes that are quiet at the end. */
  quieted: number;
  quiet: number;
  moves: Record<string, number>;
}

/**
 * One seeded schedule: two writers with keys of their own, a reader, perhaps a mover; nodes crash, freeze and come back, messages
 * are late, answers are lost, the state store goes away, a writer dies. Then everything heals, all messages land, and every
 * serving replica is compared with what was acknowledged.
 */
export async function schedule(seed: number): Promise<Outcome> {
  const rng = seededRng(seed);
  const clock = new EventClock();
  const shared = new MemoryState();
  const count = 3 + Math.floor(rng() * 2);
  const ids = Array.from({ length: count }, (_, i) => `n${i}`);
  const replicas = 1 + Math.floor(rng() * Math.min(3, count));
  const semantic = rng() < 0.2;
  const withMove = !semantic && rng() < 0.6;
  const network = new SimNetwork(withMove ? [...ids, "fresh"] : ids, clock, rng);
  shared.tables.set(collection, JSON.stringify(firstTable(ids, replicas, withMove, semantic)));
  shared.epochs.set(collection, 1);
  const outcome: Outcome = {
    seed,
    problems: [],
    acknowledged: 0,
    refused: 0,
    searches: 0,
    partial: 0,
    unreachable: 0,
    stale: 0,
    quieted: 0,
    quiet: 0,
    moves: {},
  };
  const dead = new Set<string>();
  const sim = { clock, network, dead, storeAway: false };
  const connect = (clientId: string): Promise<ClusterClient> =>
    connectCluster(
      configOf(ids, replicas, rng),
      { clock, rng, purpose: clientId, cwd: "/" },
      {
        createPool: ({ origin }) => network.pool(origin, () => dead.has(clientId)),
        driver: network.driver(() => dead.has(clientId)),
        state: memoryState(shared, clock, async () => {
          await clock.sleep(rng() * 2);
          if (dead.has(clientId)) await new Promise(() => undefined);
          if (sim.storeAway) throw new RagctlError("the state store is away", { code: "state-unavailable", exitCode: 3 });
        }),
        clientId,
      },
    );
  const clients = [await connect("w0"), await connect("w1"), await connect("r")];
  const history: History = new Map();
  const endMs = clock.nowMs() + busyMs;
  let value = 0;

  const write = async (client: ClusterClient, name: string): Promise<void> => {
    const keys = Array.from({ length: 3 }, (_, i) => `${name} key ${i}`);
    for (const key of keys) history.set(key, [{ value: undefined, beganMs: 0, ackedMs: 0 }]);
    while (clock.nowMs() < endMs) {
      await clock.sleep(rng() * 400);
      const batch = keys.filter(() => rng() < 0.6);
      const erase = rng() < 0.25;
      const next = erase ? undefined : ++value;
      const of = { batch, value: next, vectorOf: () => (semantic ? vectorOf(value) : origin) };
      await writeNoted({ client, collection, clock }, of, history, outcome);
    }
  };
  const read = async (client: ClusterClient): Promise<void> => {
    while (clock.nowMs() < endMs) {
      await clock.sleep(rng() * 700);
      const beganMs = clock.nowMs();
      try {
        const search = client.prepareSearch(collection, origin, { k: 100, withPayload: true });
        const { hits, partial } = await client.search(search);
        outcome.searches++;
        if (partial) outcome.partial++;
        else
          for (const [key, ops] of history) {
            const hit = hits.find(({ payload }) => payload?.[field.key] === key);
            const seen = hit?.payload?.["value"] as number | undefined;
            // Not promised: what was acknowledged within the lag of the reader's view.
            const fine = acceptable(ops, beganMs - leaseMs);
            // While a write moves a point to another cell, a search may find it in neither.
            if (semantic && fine.size > 1) fine.add(undefined);
            if (!fine.has(seen)) outcome.problems.push(`a complete search at ${beganMs} found ${key} = ${seen}`);
          }
      } catch (error) {
        if (!(error instanceof RagctlError)) throw error;
        outcome.unreachable++;
      }
    }
  };
  const trouble = async (): Promise<void> => {
    network.weather = {
      usualDelayMs: 1 + rng() * 10,
      slowShare: rng() < 0.5 ? 0.1 : 0,
      slowMs: requestTimeoutMs * 0.9,
      lateShare: rng() < 0.5 ? 0.03 : 0,
      latestMs: requestTimeoutMs * 1.4,
      lostAnswerShare: rng() < 0.5 ? 0.03 : 0,
    };
    const upTo = { crash: 0.3, freeze: 0.55, away: 0.65, death: 0.72 };
    await disturb(sim, rng, endMs, { restMs: [200, 2000], lastMs: 2000, upTo });
  };
  const move = async (): Promise<void> => {
    if (!withMove) return;
    const state = memoryState(shared, clock, () => clock.sleep(rng() * 2));
    await clock.sleep(rng() * 2000);
    for (const from of ids.slice(0, 2)) {
      const result = await moveOnce({ state, network, clock, rng, collection, requestTimeoutMs, from, to: "fresh" });
      outcome.moves[result] = (outcome.moves[result] ?? 0) + 1;
      if (result !== "done") break;
    }
  };
  const work = [write(clients[0]!, "w0"), write(clients[1]!, "w1"), read(clients[2]!), trouble(), move()];
  const failures: unknown[] = [];
  for (const one of work) one.catch((error: unknown) => failures.push(error));
  await clock.run(busyMs);
  network.weather = { ...network.weather, slowShare: 0, lateShare: 0, lostAnswerShare: 0 };
  // Long enough for the last lease, the last quiet and the last late message.
  await clock.run(10_000);
  if (failures.length > 0) throw failures[0];
  outcome.problems.push(...compare(shared.table(collection)!, network, history));
  const nodes = Object.values(shared.table(collection)!.nodes);
  outcome.stale = nodes.filter(({ state }) => state === "stale").length;
  outcome.quieted = shared.quietMarks;
  outcome.quiet = nodes.filter(({ quiet }) => quiet !== undefined).length;
  const closing = Promise.all(clients.filter((_, index) => !dead.has(["w0", "w1", "r"][index]!)).map((client) => client.close()));
  await clock.run(3_000);
  await closing;
  return outcome;
}

function compare(table: RoutingTable, network: SimNetwork, history: History): string[] {
  const routing = createRouting(table);
  const problems: string[] = [];
  if (routing.unservedShare > 0) problems.push(`${routing.unservedShare} of the hashes have no serving owner`);
  for (const [key, ops] of history) {
    const id = pointIdOf(key);
    const fine = acceptable(ops, Infinity);
    const semantic = table.partitioner.kind === "semantic";
    for (const node of semantic ? routing.everywhere : routing.setAt(routing.stamper.hashOf(key)).read) {
      const name = routing.nodeIds[node]!;
      const point = network.nodes.get(name)!.points(collection).get(id);
      const held = point?.payload?.["value"] as number | undefined;
      // Where the last acknowledged value lives, unless a later write has taken it away; and old values nowhere.
      const [value] = fine;
      const mayLack = semantic && (fine.size > 1 || !routing.serves(node, routing.stamper.cellsOf(vectorOf(value ?? 0), 1)[0]!));
      if (!fine.has(held) && !(held === undefined && mayLack))
        problems.push(`${name} serves ${key} = ${held}; fine would be ${[...fine].join(", ")}`);
      if (point && point.payload?.[field.hash] !== routing.stamper.hashOf(key))
        problems.push(`${name}: ${key} has the wrong hash`);
    }
  }
  return problems;
}

function firstTable(ids: readonly string[], replicas: number, withFresh: boolean, semantic: boolean): RoutingTable {
  const node = (id: string, state: "serving" | "joining") => [id, { url: `http://${id}`, weight: 1, state }] as const;
  return {
    schemaVersion: 1,
    collection,
    epoch: 1,
    partitioner: semantic
      ? { kind: "semantic", hash: "xxh32", modelId: "m", centroids }
      : { kind: "ring", hash: "xxh32", virtualNodes: 3 },
    replicas,
    members: [...ids],
    nodes: Object.fromEntries([...ids.map((id) => node(id, "serving")), ...(withFresh ? [node("fresh", "joining")] : [])]),
    moves: [],
    vector: { size: 4, distance: "Dot" },
  };
}

function configOf(ids: readonly string[], replicas: number, rng: Rng): ClusterConfig {
  return {
    name: "sim",
    source: { kind: "flags" },
    topology: "routed",
    store: { driver: "qdrant", timeout: requestTimeoutMs },
    nodes: ids.map((id) => ({ id, url: `http://${id}`, weight: 1 })),
    routing: {
      replicas,
      minAcks: 1,
      consistency: (["one", "quorum", "all"] as const)[Math.floor(rng() * 3)]!,
      virtualNodes: 3,
      hash: "xxh32",
      breaker: rng() < 0.5 ? "rolling" : "off",
      hedge: rng() < 0.5 ? "p95" : "off",
      maxInFlightPerNode: rng() < 0.3 ? 2 : 128,
    },
    objectives: {},
    state: { driver: "sqlite" },
    protected: false,
    client: {},
  };
}
