import type { ClusterClient } from "../../../src/cluster/index.ts";
import { RagctlError } from "../../../src/errors.ts";
import { seededRng } from "../../../src/runtime.ts";
import { createRouting, field, pointIdOf, type RoutingTable } from "../../../src/sharding/index.ts";
import type { StateStore } from "../../../src/state/index.ts";
import { calmWeather, disturb } from "../../helpers/sim/disturb.ts";
import { acceptable, writeNoted, type History } from "../../helpers/sim/history.ts";
import type { SimNetwork } from "../../helpers/sim/network.ts";
import { layoutOfTable, planTo } from "./plans.ts";
import { heal, mover, neverRepaired, repairers, repairsOf, settled } from "./processes.ts";
import { collection, requestTimeoutMs, ringTable, SimCluster } from "./sim-cluster.ts";

const busyMs = 12_000;
const leaseMs = 5_000;
const origin = [1, 0, 0, 0];

export interface Outcome {
  seed: number;
  problems: string[];
  acknowledged: number;
  refused: number;
  searches: number;
  incomplete: number;
  movers: number;
  crashes: number;
  repaired: number;
  finished: boolean;
  lostPauses: number;
}

export interface Sabotage {
  tamper?: (state: StateStore) => StateStore;
  /** No disturbances but crashes of movers: shows what a rule of the protocol is for. */
  calm?: boolean;
}

/**
 * One seeded schedule of a whole cluster: two writers, a reader, a repairer, and a plan that is applied by one mover after another as each
 * of them dies; nodes crash, freeze and come back, messages are late, answers are lost, the state store goes away. Then all
 * heals, the plan is finished, stale nodes are repaired, and every serving replica is compared with what was acknowledged.
 */
export async function schedule(seed: number, { tamper, calm = false }: Sabotage = {}): Promise<Outcome> {
  const rng = seededRng(seed);
  const count = 2 + Math.floor(rng() * 3);
  const ids = Array.from({ length: count }, (_, i) => `n${i}`);
  const replicas = 1 + Math.floor(rng() * Math.min(2, count));
  const kind = rng();
  const table = ringTable(ids, replicas, ["fresh"]);
  const sim = new SimCluster(table, rng, {
    consistency: (["one", "quorum", "all"] as const)[Math.floor(rng() * 3)]!,
    breaker: rng() < 0.5 ? "rolling" : "off",
  });
  if (tamper) sim.tamper = tamper;
  const remove = kind < 0.35 && count > replicas;
  const members = kind < 0.2 && remove ? ids.slice(1) : remove ? [...ids.slice(1), "fresh"] : [...ids, "fresh"];
  const after = kind > 0.85 ? (replicas === 1 ? 2 : 1) : replicas;
  const plan = planTo(table, layoutOfTable(table, members, Math.min(after, members.length)));
  const { clock, network, dead } = sim;
  const outcome: Outcome = {
    seed,
    problems: [],
    acknowledged: 0,
    refused: 0,
    searches: 0,
    incomplete: 0,
    movers: 0,
    crashes: 0,
    repaired: 0,
    finished: false,
    lostPauses: 0,
  };
  const history: History = new Map();
  const endMs = clock.nowMs() + busyMs;
  let value = 0;

  const write = async (client: ClusterClient, name: string): Promise<void> => {
    const keys = Array.from({ length: 3 }, (_, i) => `${name} key ${i}`);
    for (const key of keys) history.set(key, [{ value: undefined, beganMs: 0, ackedMs: 0 }]);
    while (clock.nowMs() < endMs) {
      await clock.sleep(rng() * (calm ? 60 : 500));
      const batch = keys.filter(() => rng() < 0.6);
      const erase = rng() < 0.25;
      const of = { batch, value: erase ? undefined : ++value, vectorOf: () => origin };
      await writeNoted({ client, collection, clock }, of, history, outcome);
    }
  };
  const read = async (client: ClusterClient): Promise<void> => {
    while (clock.nowMs() < endMs) {
      await clock.sleep(rng() * 700);
      const beganMs = clock.nowMs();
      const fetching = rng() < 0.3;
      try {
        const seen = new Map<string, number | undefined>();
        if (fetching)
          for (const record of await client.fetch(collection, [...history.keys()]))
            seen.set(record.key, record.payload["value"] as number);
        else {
          const { hits, partial } = await client.search(client.prepareSearch(collection, origin, { k: 100, withPayload: true }));
          if (partial) {
            outcome.incomplete++;
            continue;
          }
          const ofId = new Map([...history.keys()].map((key) => [pointIdOf(key), key]));
          const found = hits.map(({ id }) => id);
          if (new Set(found).size < found.length) outcome.problems.push(`a search at ${beganMs} found a point twice`);
          for (const { id, payload } of hits) seen.set(ofId.get(id)!, payload?.["value"] as number);
        }
        outcome.searches++;
        for (const [key, ops] of history)
          // Not promised: what was acknowledged within the lag of the reader's view.
          if (!acceptable(ops, beganMs - leaseMs).has(seen.get(key)))
            outcome.problems.push(`a complete ${fetching ? "fetch" : "search"} at ${beganMs} found ${key} = ${seen.get(key)}`);
      } catch (error) {
        if (!(error instanceof RagctlError)) throw error;
        outcome.incomplete++;
      }
    }
  };
  const trouble = async (): Promise<void> => {
    if (calm) {
      network.weather = { ...calmWeather, usualDelayMs: 150 };
      return;
    }
    network.weather = {
      ...calmWeather,
      usualDelayMs: 1 + rng() * 10,
      lateShare: rng() < 0.5 ? 0.01 : 0,
      latestMs: requestTimeoutMs * 1.4,
      lostAnswerShare: rng() < 0.5 ? 0.01 : 0,
    };
    const upTo = { crash: 0.25, freeze: 0.5, away: 0.6, death: 0.67 };
    await disturb(sim, rng, endMs, { restMs: [500, 4000], lastMs: 2500, upTo });
  };
  const mayCrash = rng() < 0.6;
  const move = async (): Promise<void> => {
    await clock.sleep(rng() * 2000);
    while (!outcome.finished) {
      const who = `m${outcome.movers++}`;
      const running = sim.apply(plan, who, 1 + Math.floor(rng() * 3));
      const dies = mayCrash && rng() < 0.7 && clock.nowMs() < endMs;
      const ended = await mover(sim, who, running, dies ? rng() * 4000 : undefined);
      if (ended === "crashed") {
        outcome.crashes++;
        await clock.sleep(rng() * 500);
      } else if (ended === "done") outcome.finished = true;
      else await clock.sleep(500);
    }
  };
  const failures: unknown[] = [];
  const clients = [await sim.client("w0"), await sim.client("w1"), await sim.client("r")];
  const work = [
    write(clients[0]!, "w0"),
    write(clients[1]!, "w1"),
    read(clients[2]!),
    trouble(),
    move(),
    repairers(sim, rng, { mayDie: mayCrash, endMs }, failures),
  ];
  for (const one of work) one.catch((error: unknown) => failures.push(error));
  await clock.run(busyMs);
  heal(sim);
  await settled(sim, failures, { withinMs: 120_000 }, () => outcome.finished);
  outcome.repaired = repairsOf(sim);
  outcome.lostPauses = sim.notes.filter((note) => note.includes("tried again")).length;
  if (!outcome.finished) outcome.problems.push(`never finished: ${sim.notes.slice(-2).join("; ")}`);
  outcome.problems.push(...neverRepaired(sim));
  outcome.problems.push(...compare(sim.table, network, history));
  for (const who of [...Array.from({ length: 20 }, (_, n) => `r${n}`), "w0", "w1", "r"]) dead.add(who);
  return outcome;
}

export function compare(table: RoutingTable, network: SimNetwork, history: History): string[] {
  const routing = createRouting(table);
  const problems: string[] = [];
  if (routing.unservedShare > 0) problems.push(`${routing.unservedShare} of the hashes have no serving owner`);
  for (const [key, ops] of history) {
    const id = pointIdOf(key);
    const fine = acceptable(ops, Infinity);
    const { owners, read } = routing.setAt(routing.stamper.hashOf(key));
    for (const node of read) {
      const name = routing.nodeIds[node]!;
      const point = network.nodes.get(name)!.points(collection).get(id);
      const held = point?.payload?.["value"] as number | undefined;
      if (!fine.has(held)) problems.push(`LOST: ${name} serves ${key} = ${held}; fine would be ${[...fine].join(", ")}`);
      if (point && point.payload?.[field.hash] !== routing.stamper.hashOf(key))
        problems.push(`${name}: ${key} has the wrong hash`);
    }
    for (const [index, name] of routing.nodeIds.entries())
      if (!owners.includes(index) && network.nodes.get(name)!.points(collection).has(id))
        problems.push(`ORPHAN: ${name} holds ${key}, and does not own it`);
  }
  return problems;
}
