import type { ClusterClient } from "../../../src/cluster/index.ts";
import { RagctlError } from "../../../src/errors.ts";
import { reversePlan } from "../../../src/migration/reverse.ts";
import { seededRng } from "../../../src/runtime.ts";
import {
  createRouting,
  pointIdOf,
  type PartitionerSpec,
  type RoutingTable,
  type SemanticSpec,
} from "../../../src/sharding/index.ts";
import { physicalOf } from "../../../src/sharding/table.ts";
import { semanticSpec, splitCell } from "../../../src/sharding/plan/semantic-spec.ts";
import { planBeside } from "../../../src/sharding/plan/beside.ts";
import { planTransition } from "../../../src/sharding/plan/transition.ts";
import type { Plan } from "../../../src/sharding/plan/contract.ts";
import type { StateStore } from "../../../src/state/index.ts";
import type { DataFace } from "../../../src/stores/contract.ts";
import { calmWeather, disturb } from "../../helpers/sim/disturb.ts";
import { acceptable, rewrittenSince, writeNoted, type History } from "../../helpers/sim/history.ts";
import type { SimNetwork, Weather } from "../../helpers/sim/network.ts";
import { heal, mover, neverRepaired, repairers, repairsOf, settled } from "./processes.ts";
import { collection, patienceMs, requestTimeoutMs, ringTable, SimCluster } from "./sim-cluster.ts";

const usualBusyMs = 15_000;
const leaseMs = 5_000;

const changes = ["ring to model", "model to model", "model to ring", "split"] as const;

export interface ChangeOutcome {
  seed: number;
  change: (typeof changes)[number];
  problems: string[];
  acknowledged: number;
  refused: number;
  searches: number;
  incomplete: number;
  crashes: number;
  repaired: number;
  reversed: boolean;
  reversedAt?: "moving" | "building" | "left";
  finished: boolean;
}

export interface ChangeSabotage {
  tamperFace?: (face: DataFace) => DataFace;
  /** No faults but slow messages: shows what a rule of the protocol is for. */
  calm?: boolean;
  /** Keys that are written anew once, at some time or other: what a backfill may meet in the middle. */
  onceKeys?: number;
  /** So many of them by one write; 1 unless given. */
  onceAtATime?: number;
  weather?: Partial<Weather>;
  /** Writers rest up to so long between writes. */
  restMs?: number;
  change?: (typeof changes)[number];
  /** By a second layout. */
  beside?: boolean;
  /** A node goes away as soon as the switch has been made, for longer than its mover has patience. */
  absent?: boolean;
  /** A writer cannot reach the state store for longer than its lease, again and again, while all others can. */
  cutOff?: boolean;
  /** Right after it, another plan of either kind goes back. */
  again?: boolean;
  /** What of the protocol a mover leaves out: its view of the state store. */
  tamper?: (state: StateStore) => StateStore;
}

/**
 * One seeded schedule of a change of partitioner: two writers whose every upsert has a new vector, and so may take the key to another cell, a
 * reader, a repairer, and movers that die and are followed by others; nodes crash, freeze and come back, messages are late, answers
 * are lost. Sometimes the change is taken back half way. Then all heals, and every replica is compared with what was acknowledged.
 */
export async function changeSchedule(seed: number, sabotage: ChangeSabotage = {}): Promise<ChangeOutcome> {
  const { calm = false } = sabotage;
  const rng = seededRng(seed);
  const count = 2 + Math.floor(rng() * 3);
  const replicas = 1 + Math.floor(rng() * Math.min(2, count - 1));
  const change = sabotage.change ?? changes[Math.floor(rng() * changes.length)]!;
  const ids = Array.from({ length: count }, (_, i) => `n${i}`);
  const { table, to } = tables(change, ids, replicas);
  const sim = new SimCluster(table, rng, {
    consistency: (["one", "quorum", "all"] as const)[Math.floor(rng() * 3)]!,
    breaker: rng() < 0.5 ? "rolling" : "off",
  });
  if (sabotage.tamperFace) sim.tamperFace = sabotage.tamperFace;
  if (sabotage.tamper) sim.tamper = sabotage.tamper;
  const { clock, network, dead } = sim;
  const about = { createdAt: "2026-01-01T00:00:00.000Z", cluster: "sim" };
  const size = { load: { points: 1000, bytes: 1_000_000 }, maxRate: { per: "points", perSec: 1000 } as const };
  let plan: Plan = (sabotage.beside ? planBeside : planTransition)({
    ...about,
    ...size,
    planId: "plan-change",
    table,
    to,
  });
  const outcome: ChangeOutcome = {
    seed,
    change,
    problems: [],
    acknowledged: 0,
    refused: 0,
    searches: 0,
    incomplete: 0,
    crashes: 0,
    repaired: 0,
    reversed: false,
    finished: false,
  };
  const history: History = new Map();
  let value = 0;
  const someVector = () => axis(Math.floor(rng() * 5), rng);
  const failures: unknown[] = [];
  const clients = [await sim.client("w0"), await sim.client("w1"), await sim.client("r")];

  // What was there before: half of it is never touched again, and its stamps are the backfill's alone.
  const onceKeys = sabotage.onceKeys ?? 4;
  for (let i = 0; i < 16 + onceKeys; i++) {
    const key = i < 8 ? `old ${i}` : i < 16 ? `w${i % 2} key ${i >> 1}` : `once ${i}`;
    const first = clients[0]!.upsert(collection, [{ key, vector: someVector(), payload: { value: ++value } }]);
    history.set(key, [{ value, beganMs: 0, ackedMs: 0 }]);
    await clock.run(100);
    await first;
  }
  const busyMs = sabotage.again || sabotage.absent ? 2 * usualBusyMs : usualBusyMs;
  const endMs = clock.nowMs() + busyMs;

  const write = async (client: ClusterClient, name: string): Promise<void> => {
    const keys = [...history.keys()].filter((key) => key.startsWith(name));
    const once = [...history.keys()].filter((key) => name === "w0" && key.startsWith("once"));
    while (clock.nowMs() < endMs) {
      await clock.sleep(rng() * (sabotage.restMs ?? (calm ? 60 : 400)));
      const firsts = rng() < 0.3 ? once.splice(-(sabotage.onceAtATime ?? 1)) : [];
      const batch = [...keys.filter(() => rng() < 0.6), ...firsts];
      const erase = firsts.length === 0 && rng() < 0.2;
      const of = { batch, value: erase ? undefined : ++value, vectorOf: someVector };
      await writeNoted({ client, collection, clock }, of, history, outcome);
    }
  };
  const read = async (client: ClusterClient): Promise<void> => {
    const ofId = new Map([...history.keys()].map((key) => [pointIdOf(key), key]));
    // Made once, before any of it: its bytes ask for the fields of that time.
    const prepared = client.prepareSearch(collection, [1, 1, 1, 1], { k: 100, withPayload: ["value"] });
    while (clock.nowMs() < endMs) {
      await clock.sleep(rng() * 500);
      const beganMs = clock.nowMs();
      const kind = rng();
      try {
        const seen = new Map<string, number | undefined>();
        if (kind < 0.25)
          for (const record of await client.fetch(collection, [...history.keys()]))
            seen.set(record.key, record.payload["value"] as number);
        else {
          const { hits, partial } = await client.search(prepared);
          if (partial) {
            outcome.incomplete++;
            continue;
          }
          const found = hits.map(({ id }) => id);
          if (new Set(found).size < found.length) outcome.problems.push(`a search at ${beganMs} found a point twice`);
          for (const { id, payload } of hits) seen.set(ofId.get(id)!, payload?.["value"] as number);
        }
        outcome.searches++;
        for (const [key, ops] of history)
          if (!acceptable(ops, beganMs - leaseMs).has(seen.get(key)) && !rewrittenSince(ops, beganMs - leaseMs, seen.has(key)))
            outcome.problems.push(`a complete ${kind < 0.25 ? "fetch" : "search"} at ${beganMs} found ${key} = ${seen.get(key)}`);
        const untouched = [...history].filter(([key]) => key.startsWith("old "));
        for (const [key] of untouched)
          if (!seen.has(key)) outcome.problems.push(`at ${beganMs} ${key} was missing, which nobody touched`);
      } catch (error) {
        if (!(error instanceof RagctlError)) throw error;
        outcome.incomplete++;
      }
    }
  };
  const trouble = async (): Promise<void> => {
    if (calm) {
      network.weather = { ...calmWeather, usualDelayMs: 150, ...sabotage.weather };
      return;
    }
    network.weather = {
      ...calmWeather,
      usualDelayMs: 1 + rng() * 10,
      lateShare: rng() < 0.4 ? 0.005 : 0,
      latestMs: requestTimeoutMs * 1.4,
      lostAnswerShare: rng() < 0.4 ? 0.005 : 0,
    };
    const upTo = { crash: 0.2, freeze: 0.4, away: 0.5, death: 0.57 };
    await disturb(sim, rng, endMs, { restMs: [800, 5000], lastMs: 2000, upTo });
  };
  const mayCrash = rng() < 0.6;
  const mayReverse = !calm && rng() < 0.25;
  const move = async (): Promise<void> => {
    await clock.sleep(rng() * 1500);
    for (let n = 0; !outcome.finished; n++) {
      const who = `m${n}`;
      const running = sim.apply(plan, who, 1 + Math.floor(rng() * 2));
      const dies = (mayCrash || mayReverse) && rng() < 0.75 && clock.nowMs() < endMs;
      const ended = await mover(sim, who, running, dies ? rng() * 6000 : undefined);
      if (ended === "crashed") {
        outcome.crashes++;
        await clock.sleep(rng() * 500);
        if (mayReverse && !outcome.reversed && (sim.table.transition ?? sim.table.beside)) {
          const { beside, nodes } = sim.table;
          // Of what has been switched the way back is a change of its own, for which all nodes must serve.
          if (beside?.state === "left" && Object.values(nodes).some(({ state }) => state === "stale")) continue;
          outcome.reversed = true;
          outcome.reversedAt = beside?.state ?? "moving";
          plan = reversePlan(plan, createRouting(sim.table), { ...about, planId: "plan-back", nodes: sim.config.nodes });
        }
      } else if (ended === "done") await done();
      else await clock.sleep(500);
    }
  };
  const done = async (): Promise<void> => {
    outcome.finished = !sabotage.again || outcome.reversed;
    if (outcome.finished) return;
    const plans = [planBeside, planTransition] as const;
    while (Object.values(sim.table.nodes).some(({ state }) => state === "stale")) await clock.sleep(500);
    outcome.reversed = true;
    plan = plans[Math.floor(rng() * 2)]!({ ...about, ...size, planId: "plan-again", table: sim.table, to: table.partitioner });
  };
  /** What it had under way by then may be on the wire still, for as long as a request may take. */
  const lapses = async (): Promise<void> => {
    if (!sabotage.cutOff) return;
    const { travel } = sim;
    while (clock.nowMs() < endMs) {
      await clock.sleep(rng() * 3_000);
      sim.travel = async (who) => {
        if (who === "w0") throw new RagctlError("the state store is away", { code: "state-unavailable", exitCode: 3 });
        await travel(who);
      };
      await clock.sleep(leaseMs + rng() * 3_000);
      sim.travel = travel;
    }
  };
  /** Away when the layout before is dropped, and back much later. */
  const stayAway = async (): Promise<void> => {
    if (!sabotage.absent) return;
    while (sim.table.beside?.state !== "left") {
      if (clock.nowMs() > endMs) return;
      await clock.sleep(5);
    }
    const node = [...network.nodes.values()][Math.floor(rng() * count)]!;
    for (const untilMs = clock.nowMs() + patienceMs + rng() * 8_000; clock.nowMs() < untilMs; await clock.sleep(20)) node.crash();
    node.recover();
  };
  const work = [
    write(clients[0]!, "w0"),
    write(clients[1]!, "w1"),
    read(clients[2]!),
    trouble(),
    move(),
    stayAway(),
    lapses(),
    repairers(sim, rng, { mayDie: mayCrash, endMs }, failures),
  ];
  for (const one of work) one.catch((error: unknown) => failures.push(error));
  await clock.run(busyMs);
  heal(sim);
  await settled(sim, failures, { withinMs: 180_000 }, () => outcome.finished);
  outcome.repaired = repairsOf(sim);
  if (!outcome.finished) outcome.problems.push(`never finished: ${sim.notes.slice(-3).join("; ")}`);
  else {
    const wanted = outcome.reversed ? table.partitioner : to;
    if (JSON.stringify(sim.table.partitioner) !== JSON.stringify(wanted))
      outcome.problems.push("the table has another partitioner");
    if (sim.table.transition ?? sim.table.beside) outcome.problems.push("the change is still in the table");
    for (const { id, collections, aliases } of network.nodes.values())
      if ([...collections.keys()].join() !== physicalOf(sim.table))
        outcome.problems.push(`${id} has the collections ${[...collections.keys()].join(", ")}`);
      else if (aliases.size > 0 && [...aliases.values()].join() !== physicalOf(sim.table))
        outcome.problems.push(`${id} calls ${[...aliases.values()].join(", ")} ${collection}`);
  }
  outcome.problems.push(...neverRepaired(sim));
  outcome.problems.push(...comparePlaces(sim.table, network, history));
  for (const who of [...Array.from({ length: 20 }, (_, n) => `r${n}`), "w0", "w1", "r"]) dead.add(who);
  return outcome;
}

/** Every owner of a point holds what was acknowledged last, and nobody else holds it. */
export function comparePlaces(table: RoutingTable, network: SimNetwork, history: History): string[] {
  const routing = createRouting(table);
  const problems: string[] = [];
  for (const [key, ops] of history) {
    const id = pointIdOf(key);
    const fine = acceptable(ops, Infinity);
    const copies = routing.nodeIds.flatMap((name, node) => {
      const point = network.nodes.get(name)!.points(physicalOf(table)).get(id);
      const place = routing.placeOf(point?.payload);
      if (point && !place) problems.push(`UNSTAMPED: ${key} on ${name}`);
      // Where a search that probes cells would not look for it.
      const { position } = routing.stamper.stamp(key, point?.vector);
      if (place && place.position !== position)
        problems.push(`LOST: ${key} on ${name} is in ${place.position}, its vector in ${position}`);
      return point && place ? [{ name, node, place, value: point.payload?.["value"] as number }] : [];
    });
    const owned = copies.filter(({ node, place }) => routing.setAt(place.position, place.to).owners.includes(node));
    for (const { name } of copies.filter((copy) => !owned.includes(copy))) problems.push(`ORPHAN: ${name} holds ${key}`);
    if (owned.length === 0 && !fine.has(undefined))
      problems.push(`LOST: ${key} is nowhere; fine would be ${[...fine].join(", ")}`);
    for (const { name, value } of owned)
      if (!fine.has(value)) problems.push(`LOST: ${name} serves ${key} = ${value}; fine would be ${[...fine].join(", ")}`);
    const [first] = owned;
    if (first)
      for (const node of routing.setAt(first.place.position, first.place.to).read)
        if (!owned.some((copy) => copy.node === node) && !fine.has(undefined))
          problems.push(`LOST: ${routing.nodeIds[node]} lacks ${key}`);
  }
  return problems;
}

function axis(cell: number, rng: () => number): number[] {
  return [0, 1, 2, 3].map((d) => (cell === 4 ? 0.7 : d === cell ? 1 : 0.1) + rng() * 0.2);
}

function tables(
  change: (typeof changes)[number],
  ids: readonly string[],
  replicas: number,
): { table: RoutingTable; to: PartitionerSpec } {
  const ring = ringTable(ids, replicas, []);
  const { hash } = ring.partitioner;
  const rows = [0, 1, 2, 3].map((cell) => [0, 1, 2, 3].map((d) => (d === cell ? 1 : 0)));
  const first = { modelId: "aaaaaaaa0001", centroids: rows };
  const second = { modelId: "bbbbbbbb0002", centroids: [[0.5, 0.5, 0.5, 0.5], ...rows.toReversed()] };
  const semantic: RoutingTable = { ...ring, partitioner: { ...semanticSpec(first, { hash }), field: "_ragctl_cell" } };
  /** Owners that the table says, in the place of those that cells' numbers hash to. */
  const placed = (spec: SemanticSpec, first: number): SemanticSpec => ({
    ...spec,
    owners: spec.centroids.map((_, cell) => Array.from({ length: replicas }, (__, at) => ids[(first + cell + at) % ids.length]!)),
  });
  switch (change) {
    case "ring to model":
      return { table: ring, to: semanticSpec(first, { hash }) };
    case "model to model":
      return { table: semantic, to: placed(semanticSpec(second, { hash }), 0) };
    case "model to ring":
      return { table: semantic, to: ring.partitioner };
    case "split":
      return {
        table: { ...semantic, partitioner: placed(semantic.partitioner as SemanticSpec, 1) },
        to: semanticSpec(
          splitCell(
            first,
            1,
            [
              [0.2, 1, 0, 0],
              [0, 1, 0.2, 0],
            ],
            "cccccccc0003",
          ),
          { hash },
        ),
      };
  }
}
