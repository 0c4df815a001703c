import { beforeAll, describe, expect, test } from "vitest";
import {
  change,
  cellFieldOf,
  createRouting,
  createStamper,
  field,
  loadHashes,
  placementOf,
  stampFields,
  stampPayload,
  type RoutingTable,
  type SemanticSpec,
} from "../../../src/sharding/index.ts";
import { fingerprintOfTable } from "../../../src/sharding/plan/fingerprint.ts";
import { semanticSpec, splitCell } from "../../../src/sharding/plan/semantic-spec.ts";
import { backPlan } from "../../../src/sharding/plan/back-plan.ts";
import { planTransition } from "../../../src/sharding/plan/transition.ts";
import type { RegroupStep } from "../../../src/sharding/plan/contract.ts";
import type { Transition } from "../../../src/sharding/transitions.ts";
import { intersectRanges, joinRanges, subtractRanges } from "../../../src/sharding/ranges.ts";
import { moveOf, tableOf } from "./tables.ts";

beforeAll(loadHashes);

const cells = { modelId: "abcdef012345", centroids: [0, 1, 2, 3, 4, 5].map((cell) => [Math.cos(cell), Math.sin(cell), 0, 0]) };
const model: SemanticSpec = semanticSpec(cells, { hash: "xxh32" });
const ring = () => tableOf({ a: "serving", b: "serving", c: "serving", d: "serving" });
const applied = (transition: Transition | "unchanged"): RoutingTable => {
  if (transition === "unchanged" || "refused" in transition) throw new Error(JSON.stringify(transition));
  return transition.table;
};
const noRepairs = new Map(Object.keys(ring().nodes).map((id) => [id, 0]));
const moving = (moved: [number, number][] = []): RoutingTable => {
  const table = applied(change.beginMoving(applied(change.beginChange(ring(), model)), noRepairs));
  return { ...table, transition: { ...table.transition!, moved } };
};
const names = (table: RoutingTable, position: number, to?: number) => {
  const routing = createRouting(table);
  return routing.setAt(position, to).owners.map((node) => routing.nodeIds[node]!);
};

describe("a table with two partitioners", () => {
  test("stamping: owners are the old ones, and both positions are stamped", () => {
    const table = applied(change.beginChange(ring(), model));
    const routing = createRouting(table);
    expect([routing.elsewhere, routing.parts.length, table.transition!.phase]).toEqual([false, 1, "stamping"]);
    const stamp = routing.stamper.stamp("key", cells.centroids[3]);
    expect(stamp).toMatchObject({ to: 3, position: stamp.h });
    expect(stampPayload("key", stamp, 7)).toEqual({
      [field.key]: "key",
      [field.hash]: stamp.h,
      [field.version]: 7,
      [cellFieldOf(cells.modelId)]: 3,
    });
    expect(stampFields(table)).toContain("_ragctl_c_abcdef01");
    expect(names(table, stamp.h, 3)).toEqual(names(ring(), stamp.h));
  });

  test("moving: those of moved cells are owned by the new partitioner, all others as before; an unstamped point has not moved", () => {
    const table = moving([[1, 3]]);
    const next = placementOf({ ...table, partitioner: model });
    for (const position of [0, 1e9, 2e9, 4e9]) {
      const before = names(ring(), position);
      for (const cell of [0, 1, 2, 3, 4, 5])
        expect(names(table, position, cell)).toEqual([1, 2].includes(cell) ? next.ownersOfHash(cell) : before);
      expect(names(table, position)).toEqual(before);
    }
    const routing = createRouting(table);
    expect(routing.elsewhere).toBe(true);
    expect(routing.placeOf({ [field.hash]: 5, [cellFieldOf(cells.modelId)]: 2 })).toEqual({ position: 5, to: 2 });
    expect(routing.placeOf({})).toBeUndefined();
    expect(routing.covers.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 12);
  });

  test("a move of a group logs its own points alone, and owners do not change by it", () => {
    const table = moving();
    const group = {
      ...moveOf("p/g~1.1-1", "a", "b", [[0, 2 ** 31]], { log: "p/g~1.1" }),
      into: { kind: "cells" as const, cells: [4] },
    };
    const routing = createRouting({ ...table, moves: [group] });
    expect(routing.setAt(5, 4).moves).toHaveLength(1);
    expect(routing.setAt(5, 3).moves).toHaveLength(0);
    expect(routing.setAt(2 ** 31, 4).moves).toHaveLength(0);
    expect(routing.setAt(5, 4).owners).toEqual(createRouting(table).setAt(5, 4).owners);
  });

  test("from one model to another, stamps are in fields of their own", () => {
    const other: SemanticSpec = semanticSpec({ ...cells, modelId: "999999999999" }, { hash: "xxh32" });
    const stamp = createStamper(model, "Dot", other).stamp("key", cells.centroids[2]);
    expect(stamp.cells).toEqual({ _ragctl_c_abcdef01: 2, _ragctl_c_99999999: 2 });
  });
});

describe("its changes", () => {
  const refusal = (transition: Transition | "unchanged") =>
    typeof transition === "object" && "refused" in transition ? transition.refused : "";

  test("begin once, and not beside moves, other hashes or keys of ranges", () => {
    const begun = applied(change.beginChange(ring(), model));
    expect(change.beginChange(begun, model)).toBe("unchanged");
    expect(refusal(change.beginChange(begun, { ...model, modelId: "other" }))).toContain("another change");
    expect(refusal(change.beginChange(ring(), { ...model, hash: "md5-32" }))).toContain("hash keys differently");
    expect(
      refusal(change.beginChange({ ...ring(), partitioner: { kind: "range", hash: "xxh32", bounds: [1] } }, model)),
    ).toContain("differently");
    expect(refusal(change.beginChange({ ...ring(), moves: [moveOf("m", "a", "b", [[0, 1]])] }, model))).toContain("move m");
    expect(refusal(change.beginChange(ring(), ring().partitioner))).toContain("already");
  });

  test.each([
    ["stale", { state: "stale" as const }],
    ["quiet", { state: "serving" as const, quiet: 1 }],
    ["repaired since", { state: "serving" as const, repairs: 1 }],
  ])("points do not move while a node is %s", (why, node) => {
    const begun = applied(change.beginChange(ring(), model));
    const table = { ...begun, nodes: { ...begun.nodes, b: { ...begun.nodes["b"]!, ...node } } };
    expect(refusal(change.beginMoving(table, noRepairs))).toContain(why);
  });

  test("a group is cut over in its own pause, to and fro; the end needs all of them, the way out none", () => {
    const into = { kind: "cells" as const, cells: [1, 2] };
    const move = moveOf("p/g~1.1-1", "a", "b", [[0, 5]], { phase: "paused", pause: 2 });
    const table = { ...moving(), moves: [move] };
    const cut = (pause: number, at: RoutingTable = table) =>
      change.cutOverGroup(at, { into, back: false, pauses: new Map([[move.id, pause]]) });
    expect(refusal(cut(1))).toContain("not in that pause");
    expect(refusal(cut(2, { ...table, nodes: { ...table.nodes, b: { ...table.nodes["b"]!, state: "stale" } } }))).toContain(
      "b is stale",
    );
    const repair = moveOf("r", "a", "c", [[0, 1]], { repair: true });
    expect(refusal(cut(2, { ...table, moves: [move, repair] }))).toContain("c is being repaired");
    const done = applied(cut(2));
    expect([done.transition!.moved, done.moves]).toEqual([[[1, 3]], []]);
    expect(refusal(change.finishChange(done))).toContain("not moved yet");
    expect(refusal(change.dropChange(done))).toContain("moved already");
    const back = applied(change.cutOverGroup(done, { into, back: true, pauses: new Map() }));
    expect(back.transition!.moved).toEqual([]);
    expect(applied(change.dropChange(back))).toMatchObject({ partitioner: ring().partitioner });
    const finished = applied(change.finishChange(moving([[0, 6]])));
    expect([finished.partitioner, finished.transition]).toEqual([model, undefined]);
  });

  test("a node is a target for what it does not own yet, and only for that", () => {
    const table = moving();
    const routing = createRouting(table);
    const next = placementOf({ ...table, partitioner: model });
    const targets = change.groupTargets(routing, { kind: "cells", cells: [3] }, false);
    expect(targets.every(({ to }) => next.ownersOfHash(3).includes(to))).toBe(true);
    for (const { to, old } of targets)
      for (const { lo, owners } of placementOf(ring()).segments())
        expect(old.some(([from, until]) => from <= lo && lo < until)).toBe(!owners.includes(to));
    const home = change.groupTargets(createRouting(moving([[3, 4]])), { kind: "cells", cells: [3] }, true);
    expect(home.every(({ to }) => !next.ownersOfHash(3).includes(to))).toBe(true);
  });
});

describe("plans of a change", () => {
  const about = { createdAt: "2026-01-01T00:00:00.000Z", cluster: "x" };
  const request = {
    ...about,
    planId: "p",
    table: ring(),
    to: model,
    load: { points: 10_000, bytes: 1_000_000 },
    maxRate: { per: "points" as const, perSec: 1000 },
  };
  const groups = (plan: { steps: readonly { kind: string }[] }) =>
    plan.steps.filter((step): step is RegroupStep => step.kind === "regroup");

  test("from hashes: stamp, backfill, every cell in one group, settle; the price is what owners lack", () => {
    const plan = planTransition(request);
    expect(plan.kind).toBe("rebalance");
    expect(plan.fingerprint.digest).toBe(fingerprintOfTable(ring()).digest);
    expect(plan.steps.map(({ kind }) => kind).filter((kind) => kind !== "regroup")).toEqual(["stamp", "backfill", "settle"]);
    const all = groups(plan).flatMap(({ into }) => (into.kind === "cells" ? into.cells : []));
    expect(all.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5]);
    // Two replicas on four nodes that have nothing to do with each other: half of the copies are there already.
    expect(plan.price.movedFraction).toBeGreaterThan(0.35);
    expect(plan.price.movedFraction).toBeLessThan(0.65);
    expect(plan.price.points).toBeCloseTo(plan.price.movedFraction * 20_000, -2);
    expect(plan.price.minimumFraction).toBeLessThanOrEqual(plan.price.movedFraction);
  });

  test("the hottest cells move first", () => {
    const heat = [0, 0, 0, 100, 0, 0];
    expect(groups(planTransition({ ...request, heat }))[0]!.into).toMatchObject({
      cells: expect.arrayContaining([3]) as number[],
    });
  });

  test("from one model to another, groups whose moving points are near boundaries move first, then the hottest", () => {
    const owners = (...ids: string[]) => ids.map((id) => [id, id === "d" ? "a" : "d"]);
    const table = { ...ring(), partitioner: { ...model, owners: owners("a", "a", "a", "b", "b", "b") } };
    const to = {
      ...semanticSpec({ ...cells, modelId: "999999999999" }, { hash: "xxh32" }),
      owners: owners("a", "b", "b", "c", "c", "b"),
    };
    const pair = (from: number, to: number, points: number, near: number) => ({ from, to, points, near });
    // Cells 1 and 2 are one group, 3 and 4 another; what stays with its owners does not count, however near it is.
    const pairs = [
      pair(0, 0, 100, 90),
      pair(0, 1, 40, 10),
      pair(1, 2, 40, 20),
      pair(3, 3, 50, 5),
      pair(4, 4, 50, 5),
      pair(5, 5, 80, 70),
    ];
    const heat = [1, 2, 3, 9, 9, 4];
    const order = (known: Partial<Parameters<typeof planTransition>[0]>) =>
      groups(planTransition({ ...request, table, to, heat, ...known })).map(({ into }) =>
        into.kind === "cells" ? into.cells : [],
      );
    expect(order({ pairs })).toEqual([[1, 2, 5], [3, 4], [0]]);
    expect(order({ pairs: pairs.map(({ near: _near, ...each }) => each) })).toEqual([[3, 4], [1, 2, 5], [0]]);
  });

  test("one cell parted: only what goes to the new number is copied", () => {
    const parted = semanticSpec(
      splitCell(
        cells,
        2,
        [
          [1, 0, 0, 0],
          [0, 1, 0, 0],
        ],
        "777777777777",
      ),
      { hash: "xxh32" },
    );
    const table = { ...ring(), partitioner: model };
    const pairs = [0, 1, 2, 3, 4, 5]
      .map((cell) => ({ from: cell, to: cell, points: 100 }))
      .concat({ from: 2, to: 6, points: 50 });
    const plan = planTransition({ ...request, table, to: parted, pairs });
    const [was, is] = [placementOf(table).ownersOfHash(2), placementOf({ ...table, partitioner: parted }).ownersOfHash(6)];
    const copies = is.filter((id) => !was.includes(id)).length;
    expect(plan.price.points).toBe(Math.round((10_000 * 50 * copies) / 650));
  });

  test("to what is there already: no steps; back from half way: what has moved", () => {
    expect(planTransition({ ...request, to: ring().partitioner }).steps).toEqual([]);
    const plan = backPlan(moving([[2, 4]]), {
      ...about,
      planId: "b",
      reverses: "p",
      load: request.load,
      maxRate: request.maxRate,
    });
    expect(
      groups(plan)
        .flatMap(({ into, back }) => (into.kind === "cells" && back ? into.cells : []))
        .toSorted((a, b) => a - b),
    ).toEqual([2, 3]);
    expect(plan.steps.at(-1)).toMatchObject({ kind: "settle", layout: { partitioner: ring().partitioner } });
  });

  test.each([
    ["another dimension", { to: { ...model, centroids: [[1, 2]] } }, "partitioner-unfit", 2],
    ["another hash", { to: { ...model, hash: "md5-32" as const } }, "partitioner-unfit", 2],
    ["a stale node", { table: tableOf({ a: "serving", b: "stale", c: "serving" }) }, "node-unfit", 7],
    ["a silent node", { unreachable: new Set(["b"]) }, "node-unfit", 7],
    ["a change under way", { table: () => moving() }, "plan-in-flight", 7],
    [
      "moves in flight",
      { table: { ...tableOf({ a: "serving", b: "serving" }), moves: [moveOf("m", "a", "b", [[0, 1]])] } },
      "plan-in-flight",
      7,
    ],
  ] as [string, { table?: RoutingTable | (() => RoutingTable) }, string, number][])(
    "refused: %s",
    (_, { table, ...more }, code, exitCode) => {
      const at = typeof table === "function" ? table() : (table ?? ring());
      expect(() => planTransition({ ...request, table: at, ...more })).toThrow(
        expect.objectContaining({ code, exitCode }) as Error,
      );
    },
  );
});

test.each([
  [
    [[0, 10]],
    [[2, 4]],
    [
      [0, 2],
      [4, 10],
    ],
    [[2, 4]],
    [[0, 10]],
  ],
  [
    [
      [0, 3],
      [5, 9],
    ],
    [[2, 6]],
    [
      [0, 2],
      [6, 9],
    ],
    [
      [2, 3],
      [5, 6],
    ],
    [[0, 9]],
  ],
  [[], [[1, 2]], [], [], [[1, 2]]],
] as [[number, number][], [number, number][], [number, number][], [number, number][], [number, number][]][])(
  "ranges %j and %j",
  (a, b, less, both, either) => {
    expect([subtractRanges(a, b), intersectRanges(a, b), joinRanges(a, b)]).toEqual([less, both, either]);
  },
);
