import type { ClusterClient } from "../../../src/cluster/index.ts";
import { RagctlError } from "../../../src/errors.ts";
import { reversePlan } from "../../../src/migration/reverse.ts";
import { seededRng } from "../../../src/runtime.ts";
import { createRouting, pointIdOf, type RoutingTable, type SemanticSpec } from "../../../src/sharding/index.ts";
import type { Plan } from "../../../src/sharding/plan/contract.ts";
import { planSpill } from "../../../src/sharding/plan/spill.ts";
import type { StateStore } from "../../../src/state/index.ts";
import type { DataFace } from "../../../src/stores/contract.ts";
import { calmWeather, disturb } from "../../helpers/sim/disturb.ts";
import { acceptable, rewrittenSince, writeNoted, type History } from "../../helpers/sim/history.ts";
import { comparePlaces } from "./change-simulation.ts";
import { heal, mover, neverRepaired, repairers, repairsOf, settled } from "./processes.ts";
import { collection, requestTimeoutMs, ringTable, SimCluster } from "./sim-cluster.ts";

const busyMs = 18_000;
const leaseMs = 5_000;
const ratio = 2;
const cells = 5;

export interface SpillOutcome {
  seed: number;
  problems: string[];
  acknowledged: number;
  searches: number;
  probed: number;
  crashes: number;
  repaired: number;
  /** Points that were kept twice, at the end; where copies are to be there. */
  copies: number;
  how: "on" | "on and off" | "on, reversed" | "on, aborted";
  finished: boolean;
}

export interface SpillSabotage {
  tamper?: (state: StateStore) => StateStore;
  tamperFace?: (face: DataFace) => DataFace;
  /** Likewise, of the clients. */
  tamperClientFace?: (face: DataFace) => DataFace;
  /** No faults but slow messages: shows what a rule of the protocol is for. */
  calm?: boolean;
  /** Keys that are written anew once, at some time or other. */
  onceKeys?: number;
  /** Nothing happens but that nodes crash and are repaired once copies are kept: shows what a repair is for. */
  repairsOnly?: boolean;
}

/**
 * One seeded schedule of a table that begins to keep copies near boundaries, and perhaps ends it or is taken back half way: two writers whose upserts
 * change cells and second cells, a reader that asks for everything and one cell alone, movers that die, a repairer; nodes crash, freeze and come
 * back. No search may ever give what was overwritten or deleted. Then all heals, every copy is compared with what was acknowledged, and a search of
 * each cell must find the copies that are kept there.
 */
export async function spillSchedule(seed: number, sabotage: SpillSabotage = {}): Promise<SpillOutcome> {
  const { calm = false, repairsOnly = false } = sabotage;
  const rng = seededRng(seed);
  const count = 2 + Math.floor(rng() * 3);
  const replicas = 1 + Math.floor(rng() * Math.min(2, count - 1));
  const ids = Array.from({ length: count }, (_, i) => `n${i}`);
  const table = semanticTable(ids, replicas);
  const sim = new SimCluster(table, rng, {
    consistency: (["one", "quorum", "all"] as const)[Math.floor(rng() * 3)]!,
    breaker: rng() < 0.5 ? "rolling" : "off",
  });
  if (sabotage.tamper) sim.tamper = sabotage.tamper;
  if (sabotage.tamperFace) sim.tamperFace = sabotage.tamperFace;
  if (sabotage.tamperClientFace) sim.tamperClientFace = sabotage.tamperClientFace;
  const { clock, network, dead } = sim;
  const about = { createdAt: "2026-01-01T00:00:00.000Z", cluster: "sim" };
  const planOf = (planId: string, to: number | null): Plan =>
    planSpill({
      ...about,
      planId,
      table: sim.table,
      ratio: to,
      load: { points: 1000, bytes: 1_000_000 },
      pairs: [{ from: 0, to: 1, points: 1 }],
      maxRate: { per: "points", perSec: 1000 },
    });
  const way = rng();
  const how: SpillOutcome["how"] =
    calm || repairsOnly || way < 0.4 ? "on" : way < 0.65 ? "on and off" : way < 0.85 ? "on, reversed" : "on, aborted";
  const outcome: SpillOutcome = {
    seed,
    problems: [],
    acknowledged: 0,
    searches: 0,
    probed: 0,
    crashes: 0,
    repaired: 0,
    copies: 0,
    how,
    finished: false,
  };
  const history: History = new Map();
  let value = 0;
  const someVector = () => nearBoundary(rng);
  const failures: unknown[] = [];
  const clients = [await sim.client("w0"), await sim.client("w1"), await sim.client("r")];

  const onceKeys = sabotage.onceKeys ?? 4;
  for (let i = 0; i < 16 + onceKeys; i++) {
    const key = i < 8 ? `old ${i}` : i < 16 ? `w${i % 2} key ${i >> 1}` : `once ${i}`;
    const first = clients[0]!.upsert(collection, [{ key, vector: someVector(), payload: { value: ++value } }]);
    history.set(key, [{ value, beganMs: 0, ackedMs: 0 }]);
    await clock.run(100);
    await first;
  }
  const endMs = clock.nowMs() + busyMs;

  const write = async (client: ClusterClient, name: string): Promise<void> => {
    const keys = [...history.keys()].filter((key) => key.startsWith(name));
    const once = [...history.keys()].filter((key) => name === "w0" && key.startsWith("once"));
    while (clock.nowMs() < endMs) {
      await clock.sleep(rng() * (calm ? 60 : 400));
      const first = rng() < 0.3 ? once.pop() : undefined;
      const batch = [...keys.filter(() => rng() < 0.6), ...(first === undefined ? [] : [first])];
      const erase = first === undefined && rng() < 0.25;
      const of = { batch, value: erase ? undefined : ++value, vectorOf: someVector };
      await writeNoted({ client, collection, clock }, of, history, outcome);
    }
  };
  const ofId = new Map([...history.keys()].map((key) => [pointIdOf(key), key]));
  const read = async (client: ClusterClient): Promise<void> => {
    while (clock.nowMs() < endMs) {
      await clock.sleep(rng() * 300);
      const beganMs = clock.nowMs();
      const kind = rng() < 0.2 ? "fetch" : rng() < 0.4 ? "search" : "search of one cell";
      try {
        const seen = new Map<string, number | undefined>();
        if (kind === "fetch")
          for (const record of await client.fetch(collection, [...history.keys()]))
            seen.set(record.key, record.payload["value"] as number);
        else {
          const exact = kind === "search";
          const prepared = client.prepareSearch(collection, someVector(), {
            k: 100,
            withPayload: ["value"],
            ...(exact && { exact }),
          });
          const { hits, partial } = await client.search(prepared);
          if (partial) continue;
          const found = hits.map(({ id }) => id);
          if (new Set(found).size < found.length) outcome.problems.push(`a search at ${beganMs} found a point twice`);
          for (const { id, payload } of hits) seen.set(ofId.get(id)!, payload?.["value"] as number);
        }
        if (kind === "search of one cell") outcome.probed++;
        else outcome.searches++;
        for (const [key, ops] of history) {
          // What one cell does not have is no mistake.
          if (kind === "search of one cell" && !seen.has(key)) continue;
          if (!acceptable(ops, beganMs - leaseMs).has(seen.get(key)) && !rewrittenSince(ops, beganMs - leaseMs, seen.has(key)))
            outcome.problems.push(`LOST: a complete ${kind} at ${beganMs} found ${key} = ${seen.get(key)}`);
        }
      } catch (error) {
        if (!(error instanceof RagctlError)) throw error;
      }
    }
  };
  const trouble = async (): Promise<void> => {
    if (calm) {
      network.weather = { ...calmWeather, usualDelayMs: 150 };
      return;
    }
    if (repairsOnly) {
      while (sim.table.spill?.phase !== "on" && clock.nowMs() < endMs) await clock.sleep(100);
      await disturb(sim, rng, endMs, { restMs: [1000, 1000], lastMs: 2000, upTo: { crash: 1, freeze: 1, away: 1, death: 1 } });
      return;
    }
    network.weather = {
      ...calmWeather,
      usualDelayMs: 1 + rng() * 10,
      lateShare: rng() < 0.4 ? 0.005 : 0,
      latestMs: requestTimeoutMs * 1.4,
      lostAnswerShare: rng() < 0.4 ? 0.005 : 0,
    };
    const upTo = { crash: 0.2, freeze: 0.4, away: 0.5, death: 0.55 };
    await disturb(sim, rng, endMs, { restMs: [800, 4000], lastMs: 2000, upTo });
  };
  const mayCrash = !repairsOnly && rng() < 0.6;
  const moverOf = async (who: string, plan: Plan, aborts: boolean): Promise<"done" | "crashed" | "stopped"> => {
    const running = aborts ? sim.abortSpill(plan, who) : sim.apply(plan, who, 1);
    const dies = (mayCrash || how === "on, reversed" || how === "on, aborted") && rng() < 0.7 && clock.nowMs() < endMs;
    const ended = await mover(sim, who, running, dies ? rng() * 5000 : undefined);
    if (ended === "crashed") outcome.crashes++;
    await clock.sleep(rng() * 500);
    return ended;
  };
  const begins = planOf("plan-on", ratio);
  const move = async (): Promise<void> => {
    await clock.sleep(rng() * 1500);
    let plan = begins;
    let taken = how === "on";
    for (let n = 0; ; n++) {
      const ended = await moverOf(`m${n}`, plan, taken && how === "on, aborted");
      if (ended === "done" && taken) break;
      if (taken) continue;
      if (how === "on and off" && ended === "done") {
        await clock.sleep(rng() * 3000);
        for (;;)
          try {
            plan = planOf("plan-off", null);
            break;
          } catch (error) {
            // A node is stale: a repair comes first.
            if (!(error instanceof RagctlError)) throw error;
            await clock.sleep(1_000);
          }
        taken = true;
      } else if (how === "on, aborted") taken = sim.table.spill !== undefined;
      else if (how === "on, reversed" && (ended === "crashed" || ended === "done") && sim.table.spill) {
        try {
          plan = reversePlan(plan, createRouting(sim.table), { ...about, planId: "plan-back", nodes: sim.config.nodes });
          taken = true;
        } catch (error) {
          if (!(error instanceof RagctlError)) throw error;
          await clock.sleep(1_000);
        }
      }
    }
    outcome.finished = true;
  };
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
  // The last disturbance may only begin now.
  await settled(sim, failures, { withinMs: 180_000, atLeastMs: 10_000 }, () => outcome.finished);
  outcome.repaired = repairsOf(sim);
  if (!outcome.finished) outcome.problems.push(`never finished: ${sim.notes.slice(-3).join("; ")}`);
  else if ((sim.table.spill?.phase ?? "none") !== (how === "on" ? "on" : "none"))
    outcome.problems.push(`in the end copies are ${sim.table.spill?.phase ?? "not kept"}`);
  outcome.problems.push(...neverRepaired(sim));
  const leftThere = sim.notes.some((note) => note.includes("what it holds of copies is left there"));
  const unacknowledged = (key: string) => {
    const landed = new Set(
      Array.from(network.nodes.values(), (node) => node.points(collection).get(pointIdOf(key))?.payload?.["value"]),
    );
    return history.get(key)!.some(({ value: written, ackedMs }) => ackedMs === undefined && landed.has(written));
  };
  outcome.problems.push(
    ...comparePlaces(sim.table, network, history).filter((problem) => {
      if (leftThere && problem.startsWith("ORPHAN")) return false;
      // Its owners have it, and a node that was to keep a copy did not get it: so it was not acknowledged.
      const lacks = /lacks (.*)$/.exec(problem);
      return !(lacks && unacknowledged(lacks[1]!));
    }),
  );
  const routing = createRouting(sim.table);
  const stored = [...network.nodes.values()].flatMap((node) => Array.from(node.points(collection).values()));
  const points = new Map(stored.map((point) => [point.id, point]));
  // A writer that died between storing a new vector and taking the old one away left both, each where its cell belongs.
  const places = new Map(stored.map(({ id, payload }) => [`${id} ${payload!["_ragctl_cell"] as number}`, id]));
  const twice = new Set([...points.keys()].filter((id) => [...places.values()].filter((other) => other === id).length > 1));
  for (const { vector, payload } of points.values()) {
    const place = routing.placeOf(payload)!;
    if (sim.table.spill && place.to !== routing.stamper.secondOf(vector!, place.position))
      outcome.problems.push(`LOST: ${ofId.get(pointIdOf(String(payload!["_ragctl_key"])))} has second cell ${place.to}`);
    if (place.to !== undefined && place.to !== place.position) outcome.copies++;
  }
  if (outcome.finished) await probeAll();
  for (const who of [...Array.from({ length: 20 }, (_, n) => `r${n}`), "w0", "w1", "r"]) dead.add(who);
  return outcome;

  /** A search of one cell finds what is in it, and what has a copy there. */
  async function probeAll(): Promise<void> {
    const client = await sim.client("last");
    for (const [cell, vector] of (table.partitioner as SemanticSpec).centroids.entries()) {
      const searching = client.search(client.prepareSearch(collection, vector, { k: 200 }));
      await clock.run(5_000);
      const { hits } = await searching;
      const wanted = [...points.values()].filter(({ id, payload }) => {
        if (twice.has(id)) return false;
        const { position, to } = routing.placeOf(payload)!;
        return position === cell || to === cell;
      });
      const found = new Set(hits.map(({ id }) => id).filter((id) => !twice.has(id)));
      const lacking = wanted.filter(({ id }) => !found.has(id) && !unacknowledged(ofId.get(id)!));
      if (lacking.length > 0)
        outcome.problems.push(`LOST: cell ${cell} lacks ${lacking.map(({ id }) => ofId.get(id)).join(", ")}`);
      if (found.size > wanted.length) outcome.problems.push(`cell ${cell} has ${found.size - wanted.length} points of others`);
    }
    const counting = client.count(collection);
    await clock.run(5_000);
    const counted = await counting;
    if (twice.size === 0 && counted !== points.size) outcome.problems.push(`LOST: ${counted} were counted, of ${points.size}`);
    dead.add("last");
  }
}

/** Near one axis, or between two: then it has a copy. */
function nearBoundary(rng: () => number): number[] {
  const one = Math.floor(rng() * (cells - 1));
  const other = rng() < 0.5 ? one : Math.floor(rng() * (cells - 1));
  return [0, 1, 2, 3].map((d) => (d === one ? 1 : d === other ? 0.9 : 0.1) + rng() * 0.1);
}

function semanticTable(ids: readonly string[], replicas: number): RoutingTable {
  const ring = ringTable(ids, replicas, []);
  const rows = [0, 1, 2, 3].map((cell) => [0, 1, 2, 3].map((d) => (d === cell ? 1 : 0)));
  const partitioner: SemanticSpec = {
    kind: "semantic",
    hash: "xxh32",
    modelId: "aaaaaaaa0001",
    centroids: [...rows, [0.5, 0.5, 0.5, 0.5]],
    probes: 1,
  };
  return { ...ring, partitioner };
}
