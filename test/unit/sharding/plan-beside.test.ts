import { beforeAll, expect, test } from "vitest";
import { loadHashes, type RoutingTable } from "../../../src/sharding/index.ts";
import { beginBeside, forgetBeside, switchBeside } from "../../../src/sharding/beside.ts";
import { isLayoutOf, layoutName } from "../../../src/sharding/table.ts";
import { giveUpPlan, planBeside } from "../../../src/sharding/plan/beside.ts";
import { semanticSpec } from "../../../src/sharding/plan/semantic-spec.ts";
import { planStateOf } from "../../../src/migration/plan-state.ts";
import { reversePlan } from "../../../src/migration/reverse.ts";
import { createRouting } from "../../../src/sharding/owners.ts";

beforeAll(() => loadHashes());

const planId = "plan-20260101-000000-test";
const model = { modelId: "0123456789ab", centroids: [0, 1, 2].map((cell) => [0, 1, 2].map((d) => (d === cell ? 1 : 0))) };
const to = semanticSpec(model, { hash: "xxh32" });
const ring: RoutingTable = {
  schemaVersion: 1,
  collection: "docs",
  epoch: 7,
  partitioner: { kind: "ring", hash: "xxh32", virtualNodes: 20 },
  replicas: 2,
  members: ["a", "b", "c"],
  nodes: Object.fromEntries(["a", "b", "c"].map((id) => [id, { url: `http://${id}`, weight: 1, state: "serving" as const }])),
  moves: [],
  vector: { size: 3, distance: "Cosine" },
};
const request = {
  planId,
  createdAt: "2026-01-01T00:00:00.000Z",
  cluster: "local",
  table: ring,
  to,
  load: { points: 900, bytes: 90_000 },
  maxRate: { per: "points" as const, perSec: 600 },
};
const about = { planId: "plan-20260101-000001-back", createdAt: "2026-01-01T00:00:00.000Z", nodes: [] };

/** The change of a table, which must not be refused. */
function changed(outcome: ReturnType<typeof switchBeside>): RoutingTable {
  if (typeof outcome === "string" || "refused" in outcome) throw new Error(JSON.stringify(outcome));
  return outcome.table;
}
const building = () => changed(beginBeside(ring, { physical: layoutName("docs", planId), planId, partitioner: to }));
const move = { id: `${planId}/build~8.1`, from: "a", to: "a", replaces: null, pause: 3 };
const selector = { kind: "ranges" as const, ranges: [[0, 2 ** 32] as [number, number]] };
const paused = (): RoutingTable => ({ ...building(), moves: [{ ...move, selector, phase: "paused" }] });
const switched = () => changed(switchBeside(paused(), { planId, partitioner: to, pauses: new Map([[move.id, 3]]) }));

test("the plan copies everything once, and says what that takes", () => {
  const { steps, price } = planBeside(request);
  expect(steps.map(({ kind }) => kind)).toEqual(["build", "drop-layout", "settle"]);
  expect(steps[0]).toMatchObject({ physical: "docs@20260101-000000-test", points: 1800, bytes: 180_000 });
  expect(price).toMatchObject({ points: 1800, bytes: 180_000, movedFraction: 1, estimatedSeconds: 7 });
  expect(planBeside({ ...request, table: { ...ring, partitioner: to } }).steps).toEqual([]);
});

test("every node needs room for both layouts", () => {
  const roomy = new Map(["a", "b", "c"].map((id) => [id, { bytes: 200_000, points: 2_000 }]));
  expect(planBeside({ ...request, capacities: roomy }).steps).toHaveLength(3);
  const refuse = (capacity: object) => planBeside({ ...request, capacities: new Map([["b", capacity]]) });
  expect(() => refuse({ bytes: 60_000 })).toThrow(/no room for a second layout.*b would hold .* of at most 58.6 KiB/);
  expect(() => refuse({ points: 700 })).toThrow(/b would hold .* points of at most 700/);
});

test("one compare-and-set changes partitioner and collection, in that pause alone, while every node serves", () => {
  const pauses = new Map([[move.id, 3]]);
  expect(switched()).toMatchObject({
    partitioner: to,
    physical: "docs@20260101-000000-test",
    beside: { physical: "docs", planId, state: "left" },
    moves: [],
  });
  const attempt = (table: RoutingTable, held = pauses) => switchBeside(table, { planId, partitioner: to, pauses: held });
  const stale = { ...paused(), nodes: { ...ring.nodes, b: { ...ring.nodes["b"]!, state: "stale" as const } } };
  const repairing = {
    ...paused(),
    moves: [...paused().moves, { ...move, selector, id: "r", phase: "announced" as const, repair: true }],
  };
  expect([
    attempt(stale),
    attempt(repairing),
    attempt(paused(), new Map([[move.id, 2]])),
    attempt(paused(), new Map()),
    attempt(ring),
    attempt(switched()),
  ]).toEqual([
    { refused: "b is stale" },
    { refused: "a is being repaired" },
    { refused: `move ${move.id} is not in that pause any more` },
    { refused: "writes are not held" },
    { refused: "nothing is being built beside it" },
    "unchanged",
  ]);
  expect(changed(forgetBeside(switched(), planId)).beside).toBeUndefined();
  expect(forgetBeside(paused(), planId)).toEqual({ refused: `move ${move.id} is in the table` });
  expect(beginBeside(building(), { physical: "docs@other", planId: "other", partitioner: to })).toEqual({
    refused: "docs@20260101-000000-test is being built beside it",
  });
});

test("a table says where the plan stands, and others must wait", () => {
  const plan = planBeside(request);
  expect(
    [ring, building(), switched(), changed(forgetBeside(switched(), planId))].map((table) => planStateOf(plan, table, "local")),
  ).toEqual(["fresh", "begun", "begun", "finished"]);
  expect(() => planStateOf({ ...plan, planId: "plan-20260101-000000-else" }, building(), "local")).toThrow(/half applied/);
});

test("the way back: given up while it is built, built anew once it serves", () => {
  const plan = planBeside(request);
  const given = reversePlan(plan, createRouting(building()), about);
  expect(given.steps.map(({ kind }) => kind)).toEqual(["drop-layout", "settle"]);
  expect(planStateOf(given, building(), "local")).toBe("fresh");
  const back = reversePlan(plan, createRouting(changed(forgetBeside(switched(), planId))), about);
  expect(back.steps[0]).toMatchObject({
    kind: "build",
    physical: "docs@20260101-000001-back",
    partitioner: ring.partitioner,
    points: 1800,
  });
  expect(giveUpPlan(building(), { ...about, cluster: "local", reverses: planId, load: request.load })).toMatchObject({
    reverses: planId,
  });
});

test("names of layouts are told from those of other collections", () => {
  expect(
    ["docs@20260101-000000-test", "docs@x", "docs", "doc@20260101-000000-test"].map((name) => isLayoutOf(name, "docs")),
  ).toEqual([true, false, false, false]);
});
