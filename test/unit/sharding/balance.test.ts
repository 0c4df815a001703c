import { beforeAll, describe, expect, test } from "vitest";
import { loadHashes, shares, type PartitionerSpec } from "../../../src/sharding/index.ts";
import { balanceLayout, pressuresOf, type BalanceGoal } from "../../../src/sharding/plan/balance.ts";
import type { Layout } from "../../../src/sharding/plan/contract.ts";
import { placementOfLayout } from "../../../src/sharding/plan/layout.ts";
import { balanceOf, loadsOf, spread, type LoadModel } from "../../../src/sharding/plan/loads.ts";
import { weighOwners, weighParts, weighPositions } from "../../../src/sharding/plan/weigh.ts";

beforeAll(loadHashes);

const ring: PartitionerSpec = { kind: "ring", hash: "xxh32", virtualNodes: 150 };
const model: LoadModel = { points: 1e6, bytes: 1e9 };

function layoutOf(count: number, partitioner: PartitionerSpec = ring, replicas = 1): Layout {
  const members = Array.from({ length: count }, (_, i) => `n${i}`);
  return { partitioner, replicas, members, nodes: Object.fromEntries(members.map((id) => [id, { url: "", weight: 1 }])) };
}

function goal(options: Partial<BalanceGoal> = {}): BalanceGoal {
  return { by: "points", limit: 1.25, intended: () => 1, capacities: new Map(), ...options };
}

function worst(layout: Layout, of: LoadModel = model, weights: (id: string) => number = () => 1): number {
  const loads = loadsOf(placementOfLayout(layout), of);
  return spread([...loads].map(([id, { points }]) => ({ load: points, intended: weights(id) }))).maxOverMean;
}

describe("balance by weights", () => {
  test.each([
    [3, ring, 1, 1.05],
    [10, ring, 1, 1.05],
    [10, ring, 3, 1.05],
    [6, { ...ring, virtualNodes: 8 }, 1, 1.25],
    [5, { kind: "rendezvous", hash: "xxh32" }, 1, 1.02],
  ] as [number, PartitionerSpec, number, number][])("%i nodes, %o, %i replicas: within %f", (count, spec, replicas, limit) => {
    const layout = layoutOf(count, spec, replicas);
    const { layout: balanced, reached, iterations } = balanceLayout(layout, model, goal({ limit }));
    expect(reached).toBe(true);
    expect(iterations).toBeLessThanOrEqual(64);
    expect(worst(balanced)).toBeLessThanOrEqual(limit);
    expect(balanceLayout(layout, model, goal({ limit })).layout).toEqual(balanced);
  });

  test("what is within the limit stays as it is", () => {
    const layout = layoutOf(5);
    expect(worst(layout)).toBeLessThan(1.25);
    expect(balanceLayout(layout, model, goal())).toEqual({ layout, iterations: 0, reached: true });
  });

  test("intended weights are what even means", () => {
    const intended = (id: string) => (id === "n0" ? 3 : 1);
    const { layout, reached } = balanceLayout(layoutOf(4), model, goal({ limit: 1.1, intended }));
    expect(reached).toBe(true);
    expect(worst(layout, model, intended)).toBeLessThanOrEqual(1.1);
    expect(shares(placementOfLayout(layout)).get("n0")).toBeGreaterThan(0.4);
  });

  test("capacities are kept to, whatever the balance is by", () => {
    const capacities = new Map([["n1", { points: 100_000 }]]);
    const { layout, reached } = balanceLayout(layoutOf(4), model, goal({ limit: 1.5, capacities }));
    expect(reached).toBe(true);
    expect(loadsOf(placementOfLayout(layout), model).get("n1")!.points).toBeLessThanOrEqual(100_000);
  });

  test("what cannot be reached is said, and the best of the attempts is given", () => {
    const capacities = new Map(layoutOf(3).members.map((id) => [id, { points: 1000 }]));
    const { reached, iterations } = balanceLayout(layoutOf(3), model, goal({ capacities }));
    expect(reached).toBe(false);
    expect(iterations).toBeLessThanOrEqual(64);
  });

  test("heat of a few hot keys: the node that has them gives some of its ring away", () => {
    const layout = layoutOf(4);
    const placement = placementOfLayout(layout);
    const keys = Array.from({ length: 20_000 }, (_, i) => (i * 2_654_435_761) % 2 ** 32);
    // Keys of n2 are asked for three times as often.
    const log = keys.flatMap((key) => (placement.ownersOfHash(key)[0] === "n2" ? [key, key, key] : [key]));
    const hot = { ...model, heatIn: weighPositions(log)! };
    const before = Math.max(...pressuresOf(layout, hot, goal({ by: "heat" })).values());
    const { layout: cooler, reached } = balanceLayout(layout, hot, goal({ by: "heat" }));
    expect(before).toBeGreaterThan(1.2);
    expect(reached).toBe(true);
    expect(Math.max(...pressuresOf(cooler, hot, goal({ by: "heat" })).values())).toBeLessThanOrEqual(1);
    expect(cooler.nodes["n2"]!.weight).toBeLessThan(1);
    expect(pressuresOf(cooler, hot, goal({ by: "all" })).get("n2")).toBeLessThanOrEqual(1.1);
  });
});

describe("bounded load", () => {
  test.each([
    [3, 1, 0.05],
    [10, 1, 0.01],
    [10, 2, 0.05],
    [50, 3, 0.1],
  ])("%i nodes, %i replicas: nobody above 1 + %f", (count, replicas, loadBound) => {
    const bounded = placementOfLayout(layoutOf(count, { ...ring, virtualNodes: 20, loadBound }, replicas));
    const most = Math.max(...shares(bounded).values());
    expect((most * count) / replicas).toBeLessThanOrEqual(1 + loadBound + 1e-6);
    let at = 0;
    for (const { lo, hi, owners } of bounded.segments()) {
      expect(lo).toBe(at);
      expect(new Set(owners).size).toBe(replicas);
      at = hi;
    }
    expect(at).toBe(2 ** 32);
  });

  test("a bound that is never met changes nothing; zones are kept apart", () => {
    const plain = placementOfLayout(layoutOf(5, ring, 2));
    expect(placementOfLayout(layoutOf(5, { ...ring, loadBound: 10 }, 2)).segments()).toEqual(plain.segments());
    const layout = layoutOf(6, { ...ring, loadBound: 0.1 }, 3);
    for (const [index, id] of layout.members.entries()) layout.nodes[id]!.zone = `z${index % 3}`;
    for (const { owners } of placementOfLayout(layout).segments())
      expect(new Set(owners.map((id) => layout.nodes[id]!.zone)).size).toBe(3);
  });

  test("weights scale the bound", () => {
    const layout = layoutOf(4, { ...ring, loadBound: 0.05 });
    layout.nodes["n0"]!.weight = 3;
    const held = shares(placementOfLayout(layout));
    expect(held.get("n0")).toBeLessThanOrEqual(1.05 * 0.5 + 1e-9);
    for (const id of ["n1", "n2", "n3"]) expect(held.get(id)).toBeLessThanOrEqual(1.05 / 6 + 1e-9);
  });

  test("is of 32-bit rings, with an ε above zero", () => {
    expect(() => placementOfLayout(layoutOf(3, { ...ring, hash: "md5-128", loadBound: 0.1 }))).toThrow("32 bits");
    expect(() => placementOfLayout(layoutOf(3, { ...ring, loadBound: 0 }))).toThrow("above zero");
  });
});

describe("weighing", () => {
  test("counted parts, evenly within each", () => {
    const weigh = weighParts([
      { lo: 0, hi: 10, amount: 30 },
      { lo: 10, hi: 20, amount: 10 },
      { lo: 30, hi: 40, amount: 60 },
    ])!;
    expect(weigh(0, 10)).toBeCloseTo(0.3, 12);
    expect(weigh(5, 15)).toBeCloseTo(0.2, 12);
    expect(weigh(20, 30)).toBe(0);
    expect(weigh(0, 40)).toBeCloseTo(1, 12);
    expect(weigh(35, 100)).toBeCloseTo(0.3, 12);
    expect(weighParts([{ lo: 0, hi: 1, amount: 0 }])).toBeUndefined();
  });

  test("positions of a log", () => {
    const weigh = weighPositions([7, 1, 1, 9])!;
    expect([weigh(0, 1), weigh(1, 2), weigh(2, 7), weigh(7, 10)]).toEqual([0, 0.5, 0, 0.5]);
    expect(weighPositions([])).toBeUndefined();
  });

  test("what owners bear goes back to them", () => {
    const placement = placementOfLayout(layoutOf(3));
    const borne = new Map([
      ["n0", 60],
      ["n1", 30],
      ["n2", 10],
    ]);
    const loads = loadsOf(placement, { ...model, heatIn: weighOwners(placement.segments(), borne)!, queriesPerSec: 100 });
    const { nodes } = balanceOf(loads, () => 1, 100);
    expect(nodes.map(({ id, queriesPerSec }) => [id, Math.round(queriesPerSec! * 1e6) / 1e6])).toEqual([...borne]);
  });
});
