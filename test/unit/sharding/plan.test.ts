import { beforeAll, describe, expect, test } from "vitest";
import { seededRng, type Rng } from "../../../src/runtime.ts";
import {
  createRouting,
  loadHashes,
  selectorRanges,
  transitions,
  type NodeState,
  type PartitionerSpec,
  type RoutingTable,
} from "../../../src/sharding/index.ts";
import { buildPlan, type PlanRequest } from "../../../src/sharding/plan/build.ts";
import type { CopyStep, Layout, Plan } from "../../../src/sharding/plan/contract.ts";
import { weighParts } from "../../../src/sharding/plan/weigh.ts";
import { fingerprintOfTable } from "../../../src/sharding/plan/fingerprint.ts";

beforeAll(loadHashes);

const ring: PartitionerSpec = { kind: "ring", hash: "xxh32", virtualNodes: 60 };

function layoutOf(ids: readonly string[], options: Partial<Layout> & { zones?: number } = {}): Layout {
  const { zones = 0, ...rest } = options;
  const nodes = Object.fromEntries(
    ids.map((id, index) => [id, { url: `http://${id}`, weight: 1, ...(zones > 0 ? { zone: `z${index % zones}` } : {}) }]),
  );
  return { partitioner: ring, replicas: 1, members: [...ids], nodes, ...rest };
}

function draft(layout: Layout, request: Partial<PlanRequest> = {}) {
  return buildPlan({
    planId: "plan-1",
    createdAt: "2026-01-31T00:00:00.000Z",
    cluster: "c",
    collection: "docs",
    offline: false,
    layout,
    changes: { add: [], remove: [] },
    model: { points: 1_000_000, bytes: 2e9 },
    limit: 1.25,
    maxRate: { per: "points", perSec: 2000 },
    ...request,
  });
}

function tableOfLayout(layout: Layout, states: Record<string, NodeState> = {}, joining: Layout["nodes"] = {}): RoutingTable {
  const nodes = Object.fromEntries(
    Object.entries({ ...layout.nodes, ...joining }).map(([id, node]) => [
      id,
      { ...node, state: states[id] ?? (layout.members.includes(id) ? "serving" : "joining") },
    ]),
  );
  return {
    schemaVersion: 1,
    collection: "docs",
    epoch: 1,
    partitioner: layout.partitioner,
    replicas: layout.replicas,
    members: layout.members,
    nodes,
    moves: [],
    vector: { size: 4, distance: "Cosine" },
  };
}

/** Takes a table through a plan by the protocol's own transitions, which refuse whatever would be unsafe. */
function carryOut(start: RoutingTable, plan: Plan): RoutingTable {
  let table = start;
  const take = (transition: ReturnType<typeof transitions.settle> | "unchanged") => {
    if (typeof transition === "string" || "refused" in transition) throw new Error(JSON.stringify(transition));
    table = transition.table;
  };
  const ids: string[] = [];
  for (const step of plan.steps) {
    if (step.kind === "copy") {
      const { id, from, to, replaces, selector } = step;
      const routing = createRouting(table);
      // What the plan says of the risk is no more than what is so.
      const readers = selectorRanges(selector).map(([lo]) => routing.setAt(lo).read.length);
      expect(Math.min(...readers)).toBeGreaterThanOrEqual(step.copiesDuring);
      take(transitions.announceMoves(table, [{ id, from, to, replaces, selector }], routing));
      take(transitions.startPause(table, [id]));
      take(transitions.cutOver(table, new Map([[id, 1]]), createRouting(table)));
      ids.push(id);
    } else if (step.kind === "settle") {
      const nodes = Object.fromEntries(
        Object.entries(step.layout.nodes).map(([id, node]) => [
          id,
          { ...node, state: table.nodes[id]?.state ?? ("serving" as const) },
        ]),
      );
      take(transitions.settle(table, { ...step.layout, nodes }, ids));
    }
  }
  return table;
}

const copiesOf = ({ steps }: Plan) => steps.filter((step): step is CopyStep => step.kind === "copy");

describe("a plan", () => {
  test("of one more node: what moves goes to it, and predicted is what then is", () => {
    const layout = layoutOf(["a", "b", "c"]);
    const { plan } = draft(layout, { changes: { add: [{ id: "d", url: "http://d", weight: 1 }], remove: [] } });
    const copies = copiesOf(plan);
    expect(copies.map(({ from }) => from).toSorted()).toEqual(["a", "b", "c"]);
    expect(copies.every(({ to, replaces, from }) => to === "d" && replaces === from)).toBe(true);
    expect(plan.price.points).toBe(copies.reduce((sum, { points }) => sum + points, 0));
    const share = plan.predicted.nodes.find(({ id }) => id === "d")!.share;
    expect(plan.price.movedFraction).toBeCloseTo(share, 12);
    expect(plan.price.minimumFraction).toBeCloseTo(share, 12);
    expect(plan.predicted.nodes.reduce((sum, { points }) => sum + points, 0)).toBeCloseTo(1_000_000, -1);
    expect(plan.fingerprint.digest).toBe(fingerprintOfTable(layout).digest);
  });

  test("that changes nothing has no steps", () => {
    const { plan } = draft(layoutOf(["a", "b", "c"]));
    expect(plan.steps).toEqual([]);
    expect(plan.price).toMatchObject({ points: 0, movedFraction: 0, minimumFraction: 0, estimatedSeconds: 0 });
  });

  test("of a dead node reads the survivors, the weakest first, and says how few there are", () => {
    const layout = layoutOf(["a", "b", "c", "d"], { replicas: 2 });
    const { plan } = draft(layout, { changes: { add: [], remove: ["b"] }, unreachable: new Set(["b"]) });
    const copies = copiesOf(plan);
    const rebuilt = copies.filter(({ replaces }) => replaces === "b");
    expect(rebuilt.length).toBeGreaterThan(0);
    expect(rebuilt.every(({ from, copiesDuring }) => from !== "b" && copiesDuring === 1)).toBe(true);
    expect(copies.every(({ from, to }) => from !== "b" && to !== "b")).toBe(true);
    expect(copies.map(({ copiesDuring }) => copiesDuring)).toEqual(
      copies.map((step) => step.copiesDuring).toSorted((a, b) => a - b),
    );
  });

  test("keeps what was counted on nodes of which nothing moves", () => {
    const layout = layoutOf(["a", "b", "c"], { replicas: 1 });
    const measured = new Map([["a", { points: 123, bytes: 456 }]]);
    const { plan } = draft(layout, { measured });
    expect(plan.before.nodes[0]).toMatchObject({ points: 123, bytes: 456 });
    expect(plan.predicted).toEqual(plan.before);
  });
});

describe("refusals", () => {
  const layout = layoutOf(["a", "b", "c"], { replicas: 2 });
  test.each([
    ["a node that is none", { changes: { add: [], remove: ["x"] } }, 2, "x is not a member"],
    ["a member again", { changes: { add: [{ id: "a", url: "", weight: 1 }], remove: [] } }, 2, "a is a member already"],
    ["fewer nodes than replicas", { changes: { add: [], remove: ["a", "b"] } }, 2, "2 replicas need as many nodes"],
    ["more replicas than nodes", { changes: { add: [], remove: [], replicas: 4 } }, 2, "4 replicas need as many nodes"],
    [
      "points without a readable copy",
      { changes: { add: [], remove: ["a"] }, unreachable: new Set(["a"]), states: { b: "stale" as const } },
      7,
      "on no node that can be read",
    ],
    ["a stale target", { changes: { add: [], remove: ["a"] }, states: { b: "stale" as const } }, 7, "copied to b"],
    [
      "a node that would be too full",
      { changes: { add: [], remove: ["a"] }, capacities: new Map([["c", { points: 700_000 }]]) },
      7,
      "c to 143 % of its capacity in points",
    ],
  ] as [string, Partial<PlanRequest>, number, string][])("%s", (_, request, exitCode, text) => {
    let caught: unknown;
    try {
      draft(layout, request);
    } catch (error) {
      caught = error;
    }
    expect(caught).toMatchObject({ exitCode, message: expect.stringContaining(text) });
  });

  test("all senseless changes at once", () => {
    const changes = { add: [{ id: "a", url: "", weight: 1 }], remove: ["x", "y"] };
    expect(() => draft(layout, { changes })).toThrow(/a is a member already[^]*x is not[^]*y is not/);
  });
});

describe("limits", () => {
  const layout = layoutOf(["a", "b", "c"]);
  const changes = { add: [{ id: "d", url: "http://d", weight: 1 }], remove: [] };

  test.each([
    [{ maxBytes: 100e6 }, (plan: Plan) => plan.price.bytes <= 100e6],
    [{ maxMoves: 2 }, (plan: Plan) => copiesOf(plan).length <= 2],
    [{ maxMoves: 1, maxBytes: 1e9 }, (plan: Plan) => copiesOf(plan).length <= 1],
  ])("%o: a part of the way, in a valid layout, from where the rest leads to the same end", (limits, holds) => {
    const first = draft(layout, { changes, ...limits });
    expect(first.part).toBeGreaterThan(0);
    expect(first.part).toBeLessThan(1);
    expect(holds(first.plan)).toBe(true);
    expect(first.plan.price.points).toBeGreaterThan(0);
    const settled = carryOut(tableOfLayout(layout, {}, { d: { url: "http://d", weight: 1 } }), first.plan);
    const whole = draft(layout, { changes });
    const rest = draft(first.plan.steps.findLast((step) => step.kind === "settle")!.layout, {
      changes: { add: [], remove: [], weights: { d: 1 } },
    });
    expect(first.plan.price.points + rest.plan.price.points).toBeCloseTo(whole.plan.price.points, -2);
    expect(carryOut(settled, rest.plan).nodes["d"]!.weight).toBe(1);
    expect(rest.plan.predicted.nodes.map(({ share }) => share.toFixed(9))).toEqual(
      whole.plan.predicted.nodes.map(({ share }) => share.toFixed(9)),
    );
  });

  test("nothing fits: no steps, and it says so", () => {
    const { plan, part } = draft(layout, { changes, maxBytes: 10 });
    expect(part).toBe(0);
    expect(plan.steps).toEqual([]);
  });

  test("a change of replicas cannot be made in part", () => {
    expect(() => draft(layout, { changes: { add: [], remove: [], replicas: 2 }, maxBytes: 1e6 })).toThrow(
      "cannot be made in part",
    );
  });
});

describe("cells that were placed by their numbers' hashes", () => {
  const centroids = Array.from({ length: 16 }, (_, cell) => [cell, 1]);
  const layout = layoutOf(["a", "b", "c", "d"], { partitioner: { kind: "semantic", hash: "xxh32", modelId: "m", centroids } });
  const amounts = centroids.map((_, lo) => ({ lo, hi: lo + 1, amount: 1 + ((lo * 7) % 5) ** 2 }));
  const model = { points: 100_000, bytes: 1e8, pointsIn: weighParts(amounts)! };
  const ownersIn = (plan: Plan) => {
    const settle = plan.steps.find((step) => step.kind === "settle");
    return settle?.layout.partitioner.kind === "semantic" ? settle.layout.partitioner.owners : undefined;
  };

  test("stay so while nothing changes, and are evened out on demand, by plain moves", () => {
    const still = draft(layout, { model }).plan;
    expect([still.steps, still.before.maxOverMean > 1.25]).toEqual([[], true]);
    const { plan, balancing } = draft(layout, { model, balance: "points", limit: 1.1 });
    expect(balancing?.reached).toBe(true);
    expect(plan.predicted.maxOverMean).toBeLessThanOrEqual(1.1);
    expect(ownersIn(plan)).toHaveLength(16);
    expect(carryOut(tableOfLayout(layout), plan).moves).toEqual([]);
    expect(plan.price.movedFraction).toBeLessThan(0.5);
  });

  test("one node more takes some, and so does a part of the way to it", () => {
    const changes = { add: [{ id: "e", url: "http://e", weight: 1 }], remove: [] };
    const whole = draft(layout, { model, changes }).plan;
    expect(whole.predicted.maxOverMean).toBeLessThan(whole.before.maxOverMean);
    expect(copiesOf(whole).some(({ to }) => to === "e")).toBe(true);
    const { plan, part } = draft(layout, { model, changes, maxBytes: whole.price.bytes / 2 });
    expect(part).toBeGreaterThan(0);
    expect(part).toBeLessThan(1);
    expect(plan.price.bytes).toBeLessThanOrEqual(whole.price.bytes / 2);
    const joining = { e: { url: "http://e", weight: 1 } };
    expect(carryOut(tableOfLayout(layout, {}, joining), plan).moves).toEqual([]);
  });
});

describe("carried out by the protocol's own transitions, settles", () => {
  const cells: PartitionerSpec = {
    kind: "semantic",
    hash: "xxh32",
    modelId: "m",
    centroids: Array.from({ length: 12 }, (_, i) => [i, 1]),
  };
  const kinds: [string, PartitionerSpec | "owners"][] = [
    ["ring", ring],
    ["bounded ring", { ...ring, loadBound: 0.1 }],
    ["rendezvous", { kind: "rendezvous", hash: "xxh32" }],
    ["range", { kind: "range", hash: "xxh32", bounds: [1000, 5000, 20_000, 80_000] }],
    ["semantic", cells],
    ["semantic, owners said", "owners"],
  ];
  test.each(kinds)("%s: any change of members, replicas and weights", { timeout: 60_000 }, (_, kind) => {
    const partitioner = kind === "owners" ? cells : kind;
    const seed = 20_260_131;
    const rng = seededRng(seed);
    for (let round = 0; round < (partitioner.kind === "rendezvous" ? 5 : 25); round++) {
      const context = `seed ${seed}, round ${round}`;
      const scenario = randomScenario(rng, partitioner);
      if (kind === "owners") scenario.layout = withOwners(scenario.layout, rng);
      let plan: Plan;
      try {
        ({ plan } = draft(scenario.layout, scenario.request));
      } catch (error) {
        expect((error as { exitCode?: number }).exitCode, `${context}: ${String(error)}`).toBe(7);
        continue;
      }
      const joining = Object.fromEntries(scenario.request.changes.add.map(({ id, ...node }) => [id, node]));
      const start = tableOfLayout(scenario.layout, scenario.states, joining);
      const end = carryOut(start, plan);
      if (plan.steps.length === 0) continue;
      expect(end.moves, context).toEqual([]);
      expect(fingerprintOfTable(end).replicas, context).toBe(scenario.request.changes.replicas ?? scenario.layout.replicas);
      expect(plan.price.movedFraction, context).toBeGreaterThanOrEqual(plan.price.minimumFraction - 1e-12);
      const copies = copiesOf(plan).filter(({ from, to }) => from !== to);
      expect(plan.price.points, context).toBe(copies.reduce((sum, { points }) => sum + points, 0));
    }
  });
});

/** Cells on members at random. */
function withOwners(layout: Layout, rng: Rng): Layout {
  const partitioner = layout.partitioner as Extract<PartitionerSpec, { kind: "semantic" }>;
  const owners = partitioner.centroids.map(() =>
    layout.members
      .map((id) => ({ id, order: rng() }))
      .toSorted((a, b) => a.order - b.order)
      .slice(0, layout.replicas)
      .map(({ id }) => id),
  );
  return { ...layout, partitioner: { ...partitioner, owners } };
}

function randomScenario(rng: Rng, partitioner: PartitionerSpec) {
  const count = 3 + Math.floor(rng() * 4);
  const ids = Array.from({ length: count }, (_, i) => `n${i}`);
  const replicas = 1 + Math.floor(rng() * 3);
  const layout = layoutOf(ids, { partitioner, replicas, zones: rng() < 0.5 ? 3 : 0 });
  const add = Array.from({ length: Math.floor(rng() * 3) }, (_, i) => ({ id: `x${i}`, url: `http://x${i}`, weight: 1 }));
  const remove = ids.filter(() => rng() < 0.2).slice(0, count + add.length - 3);
  const states: Record<string, NodeState> = {};
  for (const id of ids) if (rng() < 0.1) states[id] = "stale";
  const changes: PlanRequest["changes"] = { add, remove };
  if (rng() < 0.3) changes.replicas = 1 + Math.floor(rng() * 3);
  if (rng() < 0.3) changes.weights = { [ids.find((id) => !remove.includes(id)) ?? "n0"]: 0.5 };
  return { layout, states, request: { changes, states } };
}
