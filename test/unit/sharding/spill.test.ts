import { beforeAll, describe, expect, test } from "vitest";
import { cellsOf, fit, partitionerCells, readPoints, storeDistance } from "../../../src/kmeans/index.ts";
import { metrics } from "../../../src/kmeans/contract.ts";
import { planWrite, removalsByNode, workByNode } from "../../../src/cluster/write-plan.ts";
import { planStateOf } from "../../../src/migration/plan-state.ts";
import { reversePlan } from "../../../src/migration/reverse.ts";
import { createRouting, loadHashes, transitions, type RoutingTable, type SemanticSpec } from "../../../src/sharding/index.ts";
import { beginBeside } from "../../../src/sharding/beside.ts";
import { beginChange } from "../../../src/sharding/partitioner-change.ts";
import { planSpill } from "../../../src/sharding/plan/spill.ts";
import { planTransition } from "../../../src/sharding/plan/transition.ts";
import { secondCell } from "../../../src/sharding/second-cell.ts";
import { flattenCentroids } from "../../../src/sharding/semantic.ts";
import {
  beginFilling,
  beginSpill,
  cutOverSpill,
  dropSpill,
  endSpill,
  spillTargets,
  stampedRatios,
} from "../../../src/sharding/spill.ts";
import { alone, blobs, sourceOf, specOf } from "../../helpers/kmeans-data.ts";

beforeAll(() => loadHashes());

const rows = [0, 1, 2, 3].map((cell) => [0, 1, 2, 3].map((d) => (d === cell ? 1 : 0)));
const partitioner: SemanticSpec = {
  kind: "semantic",
  hash: "xxh32",
  modelId: "0123456789ab",
  centroids: rows,
  probes: 2,
  owners: [
    ["a", "b"],
    ["b", "c"],
    ["c", "a"],
    ["a", "b"],
  ],
};
const plain: RoutingTable = {
  schemaVersion: 1,
  collection: "docs",
  epoch: 7,
  partitioner,
  replicas: 2,
  members: ["a", "b", "c"],
  nodes: Object.fromEntries(["a", "b", "c"].map((id) => [id, { url: `http://${id}`, weight: 1, state: "serving" as const }])),
  moves: [],
  vector: { size: 4, distance: "Cosine" },
};
const ratio = 1.2;
const served = new Map(["a", "b", "c"].map((id) => [id, 0]));
const inPhase = (phase: NonNullable<RoutingTable["spill"]>["phase"]): RoutingTable => ({
  ...plain,
  spill: { ratio, field: "_ragctl_spill", phase },
  spillFields: { _ragctl_spill: `0123456789ab ${ratio}` },
});

function changed(outcome: ReturnType<typeof beginSpill>): RoutingTable {
  if (typeof outcome === "string" || "refused" in outcome) throw new Error(JSON.stringify(outcome));
  return outcome.table;
}
const refusal = (outcome: ReturnType<typeof beginSpill>) =>
  typeof outcome === "object" && "refused" in outcome ? outcome.refused : undefined;

describe("the second cell of a vector", () => {
  test.each(metrics.flatMap((metric) => (["lloyd", "balanced"] as const).map((algorithm) => [metric, algorithm] as const)))(
    "is the one that the kernel finds (%s, %s)",
    async (metric, algorithm) => {
      const { vectors } = blobs({ rows: 1500, dim: 12, clusters: 9, spread: 0.8, seed: 3 });
      const { model } = await fit(sourceOf(vectors), specOf({ shards: 9, metric, algorithm }), "file", alone);
      const points = await readPoints(sourceOf(vectors), metric, undefined, alone);
      const { cell, second, ratio: far } = await cellsOf(points, model);
      await points.pool.close();
      const line = [...far].sort((x, y) => x - y)[150]!;
      const flat = flattenCentroids(partitionerCells(model));
      const wrong = vectors.filter((vector, row) => {
        // Where it is nearly on the line, rounding decides.
        if (Math.abs(far[row]! - line) < 1e-3) return false;
        return secondCell(flat, storeDistance[metric], vector, cell[row]!, line) !== (far[row]! < line ? second[row] : cell[row]);
      });
      expect(wrong).toEqual([]);
    },
  );

  test("one cell has no other", () => {
    expect(secondCell(flattenCentroids({ centroids: [[1, 0]] }), "Euclid", [0, 1], 0, 9)).toBe(0);
  });
});

describe("who has a copy", () => {
  const near = [1, 0.95, 0, 0];
  const names = (table: RoutingTable, list: readonly number[]) => list.map((index) => Object.keys(table.nodes)[index]);

  test.each([
    ["stamping", ["a", "b"]],
    ["filling", ["a", "b"]],
    ["on", ["a", "b", "c"]],
    ["ending", ["a", "b"]],
  ] as const)("%s", (phase, owners) => {
    const table = inPhase(phase);
    const routing = createRouting(table);
    expect(names(table, routing.setAt(0, 1).owners)).toEqual(owners);
    expect(routing.serves(2, 0, 1)).toBe(phase === "on");
    expect(names(table, routing.setAt(0).owners)).toEqual(["a", "b"]);
    expect(names(table, routing.setAt(0, 0).owners)).toEqual(["a", "b"]);
    const { to, cells } = routing.stamper.stamp("x", near);
    expect([to, cells]).toEqual(
      phase === "ending" ? [undefined, { _ragctl_cell: 0 }] : [1, { _ragctl_cell: 0, _ragctl_spill: 1 }],
    );
  });

  test("copies answer for nothing: covers, and the guard of the last owner, are those without them", () => {
    const [without, routing] = [createRouting(plain), createRouting(inPhase("on"))];
    expect(routing.covers).toEqual(without.covers);
    const table: RoutingTable = {
      ...inPhase("on"),
      replicas: 1,
      partitioner: { ...partitioner, owners: [["a"], ["b"], ["c"], ["a"]] },
    };
    expect(transitions.markStale(table, "a", createRouting(table))).toHaveProperty("refused");
  });

  test("a write goes to the owners first, and then to copies in the place of a delete", () => {
    const write = (phase: "filling" | "on") => {
      const { keys } = planWrite(createRouting(inPhase(phase)), [{ key: "x", record: { key: "x", vector: near } }]);
      const first = workByNode(keys).map(({ node, upsert, remove }) => [node, upsert.length, remove.length]);
      const second = removalsByNode(keys, new Set()).map(({ node, upsert, remove }) => [node, upsert.length, remove.length]);
      return { first, second };
    };
    const first = [
      [0, 1, 0],
      [1, 1, 0],
    ];
    expect(write("on")).toEqual({ first, second: [[2, 1, 0]] });
    expect(write("filling")).toEqual({ first, second: [[2, 0, 1]] });
  });

  test("a stale node keeps none, and is sent none", () => {
    const table = inPhase("on");
    const routing = createRouting({ ...table, nodes: { ...table.nodes, c: { ...table.nodes["c"]!, state: "stale" } } });
    const [planned] = planWrite(routing, [{ key: "x", record: { key: "x", vector: near } }]).keys;
    expect(planned).toMatchObject({ owners: [0, 1], elsewhere: [], copies: [] });
    expect(routing.serves(2, 0, 1)).toBe(false);
  });

  test("each node's copies are of cells that it does not own, whose second cells it does", () => {
    expect(spillTargets(createRouting(plain))).toEqual([
      {
        to: "a",
        old: [[1, 2]],
        into: [
          [0, 1],
          [2, 4],
        ],
      },
      {
        to: "b",
        old: [[2, 3]],
        into: [
          [0, 2],
          [3, 4],
        ],
      },
      {
        to: "c",
        old: [
          [0, 1],
          [3, 4],
        ],
        into: [[1, 3]],
      },
    ]);
  });
});

describe("the table", () => {
  test("begins, fills, keeps, ends; a field never stands for another ratio", () => {
    const stamping = changed(beginSpill(plain, ratio));
    expect(stamping).toEqual({ ...inPhase("stamping"), epoch: 8 });
    expect(beginSpill(stamping, ratio)).toBe("unchanged");
    expect(refusal(beginSpill(stamping, 1.5))).toContain("another ratio");
    const filling = changed(beginFilling(stamping, served));
    expect(refusal(beginFilling(stamping, new Map([...served, ["b", 1]])))).toContain("b was repaired");
    const on = changed(cutOverSpill(filling, new Map()));
    expect(on.spill!.phase).toBe("on");
    expect(cutOverSpill(on, new Map())).toBe("unchanged");
    expect(refusal(dropSpill(on))).toContain("still kept");
    const ending = changed(endSpill(on));
    expect(refusal(beginSpill(ending, ratio))).toContain("taken away");
    const gone = changed(dropSpill(ending));
    expect(gone.spill).toBeUndefined();
    expect(changed(beginSpill(gone, 1.5)).spill).toMatchObject({ field: "_ragctl_spill_2" });
    expect(changed(beginSpill(gone, ratio)).spill).toMatchObject({ field: "_ragctl_spill" });
    expect(stampedRatios(changed(beginSpill(gone, 1.5)))).toEqual([ratio, 1.5]);
    expect(stampedRatios({ ...gone, partitioner: { ...partitioner, modelId: "ba9876543210" } })).toEqual([]);
  });

  test.each<[string, RoutingTable, string]>([
    ["hashes", { ...plain, partitioner: { kind: "ring", hash: "xxh32", virtualNodes: 5 } }, "no cells"],
    ["a layout beside it", { ...plain, beside: { physical: "docs@1", planId: "p", state: "left" } }, "beside it"],
    [
      "moves",
      {
        ...plain,
        moves: [{ id: "m", from: "a", to: "c", selector: { kind: "cells", cells: [0] }, phase: "announced", pause: 0 }],
      },
      "move m",
    ],
  ])("does not begin with %s", (_, table, why) => expect(refusal(beginSpill(table, ratio))).toContain(why));

  test("a repair under way starts over when copies end: it would bring them back", () => {
    const repair = {
      id: "r",
      from: "a",
      to: "c",
      selector: { kind: "cells" as const, cells: [0] },
      phase: "announced" as const,
      pause: 0,
      repair: true,
    };
    expect(changed(endSpill({ ...inPhase("on"), moves: [repair] })).moves).toEqual([]);
    expect(refusal(cutOverSpill({ ...inPhase("filling"), moves: [repair] }, new Map()))).toContain("c is being repaired");
  });

  test.each(["stamping", "filling", "on", "ending"] as const)(
    "nothing moves points while it is %s, but for repairs and holds",
    (phase) => {
      const table = inPhase(phase);
      const routing = createRouting(table);
      const announce = (given: Partial<Parameters<typeof transitions.announceMoves>[1][number]>) =>
        transitions.announceMoves(
          table,
          [{ id: "m", from: "a", to: "c", selector: { kind: "cells", cells: [0] }, ...given }],
          routing,
        );
      expect(refusal(announce({}))).toContain("--spill off");
      expect(refusal(announce({ to: "a", replaces: "b" }))).toContain("--spill off");
      expect(refusal(announce({ to: "a", replaces: null }))).toBeUndefined();
      expect(refusal(announce({ repair: true }))).toBeUndefined();
      expect(refusal(announce({ into: { kind: "cells", cells: [1] } }))).toEqual(
        phase === "filling" ? undefined : expect.any(String),
      );
      const ring = { kind: "ring" as const, hash: "xxh32" as const, virtualNodes: 5 };
      expect(refusal(beginChange(table, ring))).toContain("--spill off");
      expect(refusal(beginBeside(table, { physical: "docs@1", planId: "p", partitioner: ring }))).toContain("--spill off");
    },
  );
});

describe("the plan", () => {
  const about = { createdAt: "2026-01-01T00:00:00.000Z", cluster: "local", maxRate: { per: "points" as const, perSec: 100 } };
  const pairs = [
    { from: 0, to: 0, points: 80 },
    { from: 0, to: 1, points: 10 },
    // Both are on a and b.
    { from: 0, to: 3, points: 10 },
  ];
  const load = { points: 1000, bytes: 100_000 };
  const make = (table: RoutingTable, to: number | null, probes?: number | null) =>
    planSpill({ ...about, planId: "plan-1", table, ratio: to, pairs, load, ...(probes !== undefined && { probes }) });

  test("prices the copies that nodes lack; the other way frees them", () => {
    const on = make(plain, ratio);
    expect(on.steps.map(({ kind }) => kind)).toEqual(["spill-stamp", "backfill", "spill-copy", "settle"]);
    expect(on.price).toMatchObject({ points: 100, bytes: 10_000, movedFraction: 0.05, primaryChangedFraction: 0 });
    const points = (of: typeof on.before) => Object.fromEntries(of.nodes.map(({ id, points: held }) => [id, held]));
    expect(points(on.before)).toEqual({ a: 1000, b: 1000, c: 0 });
    expect(points(on.predicted)).toEqual({ a: 1000, b: 1000, c: 100 });
    const off = make(inPhase("on"), null);
    expect(off.steps[0]).toMatchObject({ kind: "spill-end", points: 100 });
    expect(off.price).toMatchObject({ points: 0, bytes: 0 });
    expect(points(off.predicted)).toEqual(points(on.before));
    expect([make(inPhase("on"), ratio).steps, make(plain, null).steps]).toEqual([[], []]);
    expect(make(inPhase("on"), ratio, 1).steps.map(({ kind }) => kind)).toEqual(["settle"]);
  });

  test("where it stands is said by the table", () => {
    const [on, off] = [make(plain, ratio), make(inPhase("on"), null)];
    const state = (plan: typeof on, table: RoutingTable) => planStateOf(plan, table, "local");
    expect([plain, inPhase("stamping"), inPhase("filling"), inPhase("on")].map((table) => state(on, table))).toEqual([
      "fresh",
      "begun",
      "begun",
      "finished",
    ]);
    expect([inPhase("on"), inPhase("ending"), plain].map((table) => state(off, table))).toEqual(["fresh", "begun", "finished"]);
    // An abort that died has left it so: the same plan goes on with that.
    expect(state(on, inPhase("ending"))).toBe("begun");
    const other = make({ ...plain, spillFields: {} }, 1.4);
    expect(() => state(other, inPhase("ending"))).toThrow("half taken away");
    expect(make(inPhase("ending"), null).steps.map(({ kind }) => kind)).toEqual(["spill-end", "settle"]);
    expect(() => state(off, inPhase("filling"))).toThrow("half made");
  });

  test("is reversed from wherever it stands", () => {
    const back = (plan: ReturnType<typeof make>, table: RoutingTable) =>
      reversePlan(plan, createRouting(table), { planId: "back", createdAt: about.createdAt, nodes: [] });
    const on = make(plain, ratio, 1);
    for (const phase of ["stamping", "filling", "on", "ending"] as const) {
      const undo = back(on, inPhase(phase));
      expect(undo.steps.map(({ kind }) => kind)).toEqual(["spill-end", "settle"]);
      expect(undo).toMatchObject({ reverses: "plan-1", steps: [{ points: 100 }, { layout: { partitioner: { probes: 2 } } }] });
      expect(planStateOf(undo, inPhase(phase), "local")).toBe(phase === "ending" ? "begun" : "fresh");
    }
    const again = back(make(inPhase("on"), null), inPhase("ending"));
    expect(again.steps.map(({ kind }) => kind)).toEqual(["spill-stamp", "backfill", "spill-copy", "settle"]);
    expect(planStateOf(again, inPhase("ending"), "local")).toBe("begun");
    // As the plan that made them was priced.
    const made = make(plain, ratio);
    expect(again.steps.slice(0, 3)).toEqual(made.steps.slice(0, 3));
    expect(again.price).toEqual({ ...made.price, estimatedSeconds: expect.any(Number) });
  });

  test("a lost node does not keep copies from being given up; they are not begun without it", () => {
    const ill = (table: RoutingTable): RoutingTable => ({
      ...table,
      nodes: { ...table.nodes, c: { ...table.nodes["c"]!, state: "stale" } },
    });
    expect(make(ill(inPhase("on")), null).steps).toHaveLength(2);
    expect(() => make(ill(plain), ratio)).toThrow("c is stale");
  });

  test("others are refused meanwhile", () => {
    const to = { kind: "ring" as const, hash: "xxh32" as const, virtualNodes: 5 };
    expect(() => planTransition({ ...about, planId: "p", table: inPhase("on"), to, load })).toThrow(
      "keeps copies near boundaries",
    );
    expect(() => make(inPhase("on"), 1.5)).toThrow("by another ratio");
    expect(() => make(inPhase("filling"), ratio)).toThrow("half made");
  });
});
