import { describe, expect, it } from "vitest";
import { seededRng } from "../../../src/runtime.ts";
import {
  holdersOf,
  planNative,
  reversedNative,
  staleShards,
  type NativeGoal,
  type ObservedNative,
} from "../../../src/sharding/native/index.ts";
import { placesOf } from "../../../src/sharding/native/stale.ts";
import type { Plan, ShardStep } from "../../../src/sharding/plan/contract.ts";
import { clusterOf } from "./native-clusters.ts";

const texts = (steps: readonly ShardStep[]) =>
  steps.map(({ kind, shardId, from, to, copiesDuring }) => {
    const verb = { "move-shard": "move", "replicate-shard": "copy", "drop-replica": "drop" }[kind];
    return `${verb} ${shardId} ${to === undefined ? from : `${from}>${to}`} /${copiesDuring}`;
  });

describe("planNative", () => {
  it.each<[string, Parameters<typeof clusterOf>[0], NativeGoal, string[]]>([
    ["nothing to do", { nodes: ["q1", "q2"], shards: [["q1"], ["q2"]] }, {}, []],
    [
      "a new node takes its share",
      { nodes: ["q1", "q2", "q3"], shards: [["q1"], ["q1"], ["q2"], ["q2"], ["q1"], ["q2"]] },
      {},
      ["move 0 q1>q3 /1", "move 2 q2>q3 /1"],
    ],
    [
      "of weight two, twice its share",
      { nodes: ["q1", "q2*2"], shards: [["q1"], ["q1"], ["q1"]] },
      {},
      ["move 0 q1>q2 /1", "move 1 q1>q2 /1"],
    ],
    [
      "drain",
      {
        nodes: ["q1", "q2", "q3"],
        shards: [
          ["q1", "q3"],
          ["q2", "q3"],
          ["q1", "q2"],
        ],
        replicationFactor: 2,
      },
      { remove: ["q3"] },
      ["move 0 q3>q2 /2", "move 1 q3>q1 /2"],
    ],
    [
      "drain onto what has copies enough",
      { nodes: ["q1", "q2", "q3"], shards: [["q1", "q2", "q3"]], replicationFactor: 2 },
      { remove: ["q3"] },
      ["drop 0 q3 /2"],
    ],
    [
      "a lost node's copies are made anew",
      {
        nodes: ["q1", "q2", "q3", "q4!"],
        shards: [
          ["q1", "q4:Dead"],
          ["q2", "q3"],
          ["q2", "q4:Dead"],
        ],
        replicationFactor: 2,
      },
      { remove: ["q4"] },
      ["copy 0 q1>q3 /1", "drop 0 q4 /2", "copy 2 q2>q1 /1", "drop 2 q4 /2"],
    ],
    [
      "a silent node keeps what it has",
      {
        nodes: ["q1", "q2", "q3!"],
        shards: [
          ["q1", "q3"],
          ["q2", "q3:Dead"],
        ],
        replicationFactor: 2,
      },
      {},
      [],
    ],
    [
      "missing copies",
      { nodes: ["q1", "q2", "q3"], shards: [["q1"], ["q2", "q3"]], replicationFactor: 2 },
      {},
      ["copy 0 q1>q2 /1"],
    ],
    ["more copies", { nodes: ["q1", "q2"], shards: [["q1"], ["q2"]] }, { replicas: 2 }, ["copy 0 q1>q2 /1", "copy 1 q2>q1 /1"]],
    [
      "fewer copies, where they were asked for",
      {
        nodes: ["q1", "q2"],
        shards: [
          ["q1", "q2"],
          ["q1", "q2"],
        ],
        replicationFactor: 2,
      },
      { replicas: 1 },
      ["drop 0 q2 /1", "drop 1 q1 /1"],
    ],
    [
      "copies too many stay, where nobody asked",
      {
        nodes: ["q1", "q2"],
        shards: [
          ["q1", "q2"],
          ["q1", "q2"],
        ],
      },
      {},
      [],
    ],
    [
      "of copies too many, the dead one goes",
      { nodes: ["q1", "q2"], shards: [["q1:Dead", "q2"]] },
      { replicas: 1 },
      ["drop 0 q1 /1"],
    ],
    [
      "a dead copy on a node that answers",
      { nodes: ["q1", "q2"], shards: [["q1", "q2:Dead"]], replicationFactor: 2 },
      {},
      ["copy 0 q1>q2 /1"],
    ],
    [
      "zones before balance",
      {
        nodes: ["q1@a", "q2@a", "q3@b"],
        shards: [
          ["q1", "q2"],
          ["q1", "q2"],
        ],
        replicationFactor: 2,
      },
      {},
      ["move 0 q1>q3 /2", "move 1 q2>q3 /2"],
    ],
    [
      "zones are kept when balancing",
      {
        nodes: ["q1@a", "q2@b", "q3@b"],
        shards: [
          ["q1", "q2"],
          ["q1", "q2"],
          ["q1", "q2"],
          ["q1", "q2"],
        ],
        replicationFactor: 2,
      },
      {},
      ["move 0 q2>q3 /2", "move 1 q2>q3 /2"],
    ],
    [
      "listeners are given nothing",
      {
        nodes: ["q1", "q2", "q3"],
        shards: [
          ["q1", "q3:Listener"],
          ["q1", "q3:Listener"],
        ],
      },
      {},
      ["move 0 q1>q2 /1"],
    ],
    [
      "no source: left alone",
      { nodes: ["q1", "q2"], shards: [["q1:Dead"], ["q1"], ["q1"]], replicationFactor: 1 },
      {},
      ["move 1 q1>q2 /1"],
    ],
    [
      "large shards weigh more",
      { nodes: ["q1", "q2"], shards: [["q1"], ["q1"], ["q1"]], points: [500, 100, 300] },
      {},
      ["move 0 q1>q2 /1"],
    ],
    [
      "transfers count as done",
      {
        nodes: ["q1", "q2"],
        shards: [["q1", "q2:Partial"], ["q1"]],
        transfers: [{ shardId: 0, from: "q1", to: "q2", sync: false }],
      },
      {},
      [],
    ],
  ])("%s", (_what, spec, goal, expected) => {
    expect(texts(planNative(clusterOf(spec), goal).steps)).toEqual(expected);
  });

  it("holders are those that there will be once the transfers have ended, listeners left out", () => {
    const transfers = [
      { shardId: 0, from: "q1", to: "q2", sync: false },
      { shardId: 1, from: "q1", to: "q2", sync: true },
    ];
    const { shards } = clusterOf({
      nodes: ["q1", "q2"],
      shards: [["q1", "q2:Partial"], ["q1"], ["q2:Dead", "q1:Listener"]],
      transfers,
    });
    expect(shards.map((shard) => holdersOf(shard, transfers))).toEqual([["q2"], ["q1", "q2"], ["q2"]]);
  });

  const spread = clusterOf({ nodes: ["q1", "q2", "q3"], shards: [["q1"], ["q1"], ["q1"], ["q2"], ["q2"], ["q2"]] });

  it("tells price and balance", () => {
    const { price, before, predicted } = planNative(spread, { bytesPerSec: 100 });
    expect(price).toEqual({
      points: 200,
      bytes: 2000,
      movedFraction: 2 / 6,
      primaryChangedFraction: 0,
      minimumFraction: 2 / 6,
      estimatedSeconds: 20,
    });
    expect(before).toMatchObject({
      maxOverMean: 1.5,
      nodes: [
        { id: "q1", share: 0.5 },
        { id: "q2", points: 300 },
        { id: "q3", bytes: 0 },
      ],
    });
    expect(predicted.maxOverMean).toBeCloseTo(1, 12);
  });

  it("stays below --max-moves and --max-bytes, and says so; what is at risk comes first", () => {
    const limited = planNative(spread, { maxMoves: 1 });
    expect(limited.steps).toHaveLength(1);
    expect(limited.notes.join()).toContain("plan again");
    expect(planNative(spread, { maxBytes: 999 }).steps).toEqual([]);
    const risky = clusterOf({ nodes: ["q1", "q2", "q3"], shards: [["q1", "q2"], ["q1", "q2"], ["q1"]], replicationFactor: 2 });
    expect(texts(planNative(risky, { maxMoves: 1 }).steps)).toEqual(["copy 2 q1>q3 /1"]);
    const drained = planNative(clusterOf({ nodes: ["q1", "q2"], shards: [["q1"], ["q1"], ["q1"]] }), {
      remove: ["q1"],
      maxMoves: 2,
    });
    expect(texts(drained.steps)).toEqual(["move 0 q1>q2 /1", "move 1 q1>q2 /1"]);
    expect(drained.notes.join()).toContain("shard 2 would need");
  });

  it.each<[string, Parameters<typeof clusterOf>[0], NativeGoal, number, string]>([
    ["an unknown node to add", { nodes: ["q1"], shards: [["q1"]] }, { add: ["q9"] }, 2, 'no node "q9"'],
    ["a silent node to add", { nodes: ["q1", "q2!"], shards: [["q1"]] }, { add: ["q2"] }, 2, "q2 does not answer"],
    ["an unknown node to remove", { nodes: ["q1"], shards: [["q1"]] }, { remove: ["q9"] }, 2, 'no node "q9"'],
    ["every node", { nodes: ["q1"], shards: [["q1"]] }, { remove: ["q1"] }, 2, "no node that answers"],
    [
      "too few nodes for the copies",
      { nodes: ["q1", "q2"], shards: [["q1", "q2"]], replicationFactor: 2 },
      { remove: ["q2"] },
      2,
      "--replicas 1",
    ],
    ["more copies than nodes", { nodes: ["q1", "q2"], shards: [["q1"]] }, { replicas: 3 }, 2, "3 copies need 3 nodes"],
    [
      "the only copy of a shard goes with its node",
      { nodes: ["q1", "q2", "q3!"], shards: [["q1"], ["q3"]] },
      { remove: ["q3"] },
      7,
      "shard 1 has no active replica",
    ],
  ])("refuses: %s", (_what, spec, goal, exitCode, message) => {
    expect(() => planNative(clusterOf(spec), goal)).toThrow(
      expect.objectContaining({ exitCode, message: expect.stringContaining(message) }),
    );
  });
});

/** Clusters of every shape, from a seed: zones, weights, silent nodes, dead replicas, shards of like or unlike size. */
function randomCase(seed: number): { observed: ObservedNative; goal: NativeGoal; equal: boolean; lost: Set<string> } {
  const rng = seededRng(seed);
  const below = (n: number) => Math.floor(rng() * n);
  const count = 3 + below(6);
  const zones = rng() < 0.5 ? 0 : 2 + below(2);
  const equal = rng() < 0.6;
  const silent = rng() < 0.25 ? below(count) : -1;
  const names = Array.from({ length: count }, (_, i) => `q${i + 1}`);
  const nodes = names.map(
    (id, i) => `${id}${zones > 0 ? `@z${below(zones)}` : ""}${equal ? "" : `*${1 + below(2)}`}${i === silent ? "!" : ""}`,
  );
  const answering = count - (silent >= 0 ? 1 : 0);
  const replicationFactor = 1 + below(Math.min(3, answering - 1));
  const filled = 2 + below(count - 1);
  const shards = Array.from({ length: 1 + below(24) }, () => {
    const holders = names.slice(0, Math.max(filled, replicationFactor)).toSorted(() => rng() - 0.5);
    const on = holders.slice(0, Math.max(1, replicationFactor - (rng() < 0.15 ? 1 : 0)));
    return on.map((id) => (id === names[silent] || (on.length > 1 && id === on[1] && rng() < 0.1) ? `${id}:Dead` : id));
  });
  const points = shards.map(() => (equal ? 100 : 1 + below(5000)));
  const remove = rng() < 0.4 ? names[silent >= 0 && rng() < 0.5 ? silent : below(count)]! : undefined;
  const goal: NativeGoal = {
    ...(remove !== undefined && { remove: [remove] }),
    ...(rng() < 0.2 && { replicas: Math.min(answering - 1, replicationFactor) }),
  };
  return {
    observed: clusterOf({ nodes, shards, replicationFactor, points }),
    goal,
    equal,
    lost: new Set(silent >= 0 ? [names[silent]!] : []),
  };
}

describe("every plan", () => {
  const seeds = Array.from({ length: 600 }, (_, i) => 7000 + i);
  it("is safe step by step, ends with the copies wanted, zones spread, balanced within one shard, and moves no more than it must", () => {
    let planned = 0;
    for (const seed of seeds) {
      const { observed, goal, equal, lost } = randomCase(seed);
      let plan: ReturnType<typeof planNative>;
      try {
        plan = planNative(observed, goal);
      } catch (error) {
        expect(error, `seed ${seed}`).toMatchObject({ code: expect.stringMatching(/^(goal-impossible|shard-without-source)$/) });
        continue;
      }
      planned++;
      expect(planNative(structuredClone(observed), goal), `seed ${seed}: deterministic`).toEqual(plan);
      const end = check(seed, observed, plan.steps);
      const removed = new Set(goal.remove);
      const able = observed.nodes.filter(({ id, alive }) => alive && !removed.has(id));
      const zoneOf = new Map(able.map(({ id, zone }) => [id, zone ?? id]));
      const zones = new Set(zoneOf.values()).size;
      const wanted = goal.replicas ?? observed.replicationFactor;
      for (const shard of observed.shards) {
        const on = end.get(shard.id)!;
        if (!shard.replicas.some(({ node, state }) => state === "Active" && !lost.has(node))) continue;
        expect(
          [...on.keys()].filter((id) => removed.has(id)),
          `seed ${seed} shard ${shard.id}: emptied`,
        ).toEqual([]);
        expect(on.size, `seed ${seed} shard ${shard.id}: copies`).toBeGreaterThanOrEqual(Math.min(wanted, able.length));
        const here = [...on.keys()].filter((id) => zoneOf.has(id));
        for (const id of here) expect(on.get(id), `seed ${seed} shard ${shard.id} on ${id}`).toBe("Active");
        expect(new Set(here.map((id) => zoneOf.get(id))).size, `seed ${seed} shard ${shard.id}: zones`).toBe(
          Math.min(here.length, zones),
        );
      }
      if (equal && zoneOf.size === zones) {
        const counts = able.map(
          ({ id }) => observed.shards.filter((shard) => end.get(shard.id)!.has(id) && sourced(shard, lost)).length,
        );
        const stuckCopies = observed.shards.some((shard) => !sourced(shard, lost));
        if (!stuckCopies)
          expect(Math.max(...counts) - Math.min(...counts), `seed ${seed}: ${counts.join(" ")}`).toBeLessThanOrEqual(1);
        if (!stuckCopies && observed.shards.every(({ replicas }) => replicas.every(({ state }) => state === "Active")))
          expect(plan.price.movedFraction, `seed ${seed}: no more than it must`).toBeCloseTo(plan.price.minimumFraction, 9);
      }
      expect(plan.price.minimumFraction).toBeLessThanOrEqual(plan.price.movedFraction + 1e-9);
    }
    expect(planned).toBeGreaterThan(300);
  });

  const sourced = (shard: ObservedNative["shards"][number], lost: ReadonlySet<string>) =>
    shard.replicas.some(({ node, state }) => state === "Active" && !lost.has(node));

  /** Runs the steps on paper; returns by shard who holds it in which state. */
  function check(seed: number, observed: ObservedNative, steps: readonly ShardStep[]): Map<number, Map<string, string>> {
    const state = new Map(
      observed.shards.map(({ id, replicas }) => [id, new Map(replicas.map((r) => [r.node, r.state as string]))]),
    );
    const alive = new Set(observed.nodes.filter((node) => node.alive).map(({ id }) => id));
    const wanted = observed.replicationFactor;
    for (const step of steps) {
      const at = `seed ${seed} ${step.id} ${texts([step])[0]}`;
      const on = state.get(step.shardId)!;
      const serving = () => [...on].filter(([id, is]) => is === "Active" && alive.has(id)).length;
      const before = serving();
      if (step.kind !== "drop-replica") {
        expect(on.get(step.from), `${at}: the source serves`).toBe("Active");
        expect(alive.has(step.from) && alive.has(step.to!), `${at}: both answer`).toBe(true);
        expect(on.get(step.to!), `${at}: never onto one that serves`).not.toBe("Active");
        if (step.kind === "move-shard") expect(on.has(step.to!), `${at}: never onto a holder`).toBe(false);
        on.set(step.to!, "Active");
      }
      if (step.kind !== "replicate-shard") expect(on.delete(step.from), `${at}: it held one`).toBe(true);
      if (step.kind === "drop-replica") {
        expect(serving(), `${at}: never the last`).toBeGreaterThan(0);
        if (serving() < before)
          expect(serving(), `${at}: not below what is wanted`).toBeGreaterThanOrEqual(Math.min(wanted, before));
      } else expect(serving(), `${at}: never fewer`).toBeGreaterThanOrEqual(before);
      expect(step.copiesDuring, at).toBe(step.kind === "drop-replica" ? serving() : before);
    }
    return state;
  }
});

describe("staleness and the way back", () => {
  const observed = clusterOf({ nodes: ["q1", "q2", "q3"], shards: [["q1", "q2"], ["q1", "q2"], ["q1"]], replicationFactor: 2 });
  const made = planNative(observed);
  const plan: Plan = {
    schemaVersion: 1,
    kind: "shard",
    planId: "p1",
    createdAt: "2026-01-01T00:00:00Z",
    cluster: "test",
    topology: "native",
    collection: "docs",
    offline: false,
    ...made,
  };
  const holders = (...on: string[][]) => new Map(on.map((each, id) => [id, each]));

  it("names every place on the way, and no other", () => {
    const step = (kind: ShardStep["kind"], from: string, to?: string): ShardStep => ({
      id: "s",
      kind,
      shardId: 0,
      from,
      ...(to !== undefined && { to }),
      points: 0,
      bytes: 0,
      copiesDuring: 1,
    });
    expect(placesOf(["b", "a"], [step("replicate-shard", "a", "c"), step("drop-replica", "b")])).toEqual([
      ["a", "b"],
      ["a", "b", "c"],
      ["a", "c"],
    ]);
    expect(placesOf(["a"], [step("move-shard", "a", "c")])).toEqual([["a"], ["a", "c"], ["c"]]);
  });

  it("a plan half done is not stale; shards that somebody moved are, and those that are gone", () => {
    expect(texts(plan.steps as ShardStep[])).toEqual(["copy 2 q1>q3 /1", "move 0 q1>q3 /2"]);
    expect(staleShards(plan, holders(["q1", "q2"], ["q1", "q2"], ["q1"]))).toEqual([]);
    expect(staleShards(plan, holders(["q1", "q2"], ["q1", "q2"], ["q1", "q3"]))).toEqual([]);
    expect(staleShards(plan, holders(["q3", "q2"], ["q1", "q2"], ["q1"]))).toEqual([]);
    expect(staleShards(plan, holders(["q1", "q2"], ["q1", "q3"], ["q1"]))).toEqual([1]);
    expect(staleShards(plan, holders(["q1", "q2"], ["q1", "q2"]))).toEqual([2]);
  });

  it("the digest holds through half a plan, and not for other members, weights, peers, shards or copies", () => {
    const half = clusterOf({
      nodes: ["q1", "q2", "q3"],
      shards: [
        ["q2", "q3"],
        ["q1", "q2"],
        ["q1", "q3"],
      ],
      replicationFactor: 2,
      points: [9, 9, 9],
    });
    const digest = (of: ObservedNative) => planNative(of).fingerprint.digest;
    expect(digest(half)).toBe(plan.fingerprint.digest);
    for (const change of [
      (of: ObservedNative) => void (of.nodes[0]!.weight = 2),
      (of: ObservedNative) => void (of.nodes[0]!.zone = "a"),
      (of: ObservedNative) => void (of.nodes[0]!.peerId = 77),
      (of: ObservedNative) => void of.shards.pop(),
      (of: ObservedNative) => void (of.shards[0]!.key = "tenant"),
      (of: ObservedNative) => void (of.replicationFactor = 1),
    ]) {
      const other = structuredClone(observed);
      change(other);
      expect(digest(other), String(change)).not.toBe(plan.fingerprint.digest);
    }
  });

  it("goes back from the end, from half-way, and from where nothing was done", () => {
    const at = (...shards: string[][]) => clusterOf({ nodes: ["q1", "q2", "q3"], shards, replicationFactor: 2 });
    expect(texts(reversedNative(plan, at(["q2", "q3"], ["q1", "q2"], ["q1", "q3"])).steps)).toEqual([
      "drop 2 q3 /1",
      "move 0 q3>q1 /2",
    ]);
    expect(texts(reversedNative(plan, at(["q1", "q2"], ["q1", "q2"], ["q1", "q3"])).steps)).toEqual(["drop 2 q3 /1"]);
    expect(reversedNative(plan, observed).steps).toEqual([]);
    expect(() => reversedNative(plan, at(["q1", "q3"], ["q1", "q2"], ["q2"]))).toThrow(
      expect.objectContaining({ code: "plan-stale", exitCode: 7 }),
    );
  });
});
