import { describe, expect, test } from "vitest";
import {
  assignRanges,
  chooseCover,
  createRouting,
  loadHashes,
  missingShare,
  movement,
  placementOf,
  substitutes,
  transitions,
  type Routing,
  type RoutingTable,
} from "../../../src/sharding/index.ts";
import { seededRng } from "../../../src/runtime.ts";
import { moveOf, tableOf } from "./tables.ts";

await loadHashes();

const names = (routing: Routing, nodes: readonly number[]) => nodes.map((node) => routing.nodeIds[node]!);
const applied = (change: transitions.Transition | "unchanged"): RoutingTable => {
  if (change === "unchanged" || "refused" in change) throw new Error(JSON.stringify(change));
  return change.table;
};

describe("createRouting", () => {
  test("stale owners get no writes and answer no reads; leaving ones do both", () => {
    const routing = createRouting(tableOf({ a: "serving", b: "stale", c: "leaving" }, { replicas: 3 }));
    for (const { set } of routing.segments) {
      expect(names(routing, set.owners).toSorted()).toEqual(["a", "b", "c"]);
      expect(names(routing, set.write).toSorted()).toEqual(["a", "c"]);
      expect(names(routing, set.read).toSorted()).toEqual(["a", "c"]);
    }
    expect(routing.unservedShare).toBe(0);
  });

  test("a cut-over move has changed owners exactly in its selector; an open one only logs", () => {
    const table = tableOf({ a: "serving", b: "serving", d: "serving" }, { members: ["a", "b"], replicas: 1 });
    const whole = createRouting(table);
    const mine = whole.segments.find(({ set }) => names(whole, set.owners)[0] === "a")!;
    const middle = Math.floor((mine.lo + mine.hi) / 2);
    const with_ = (phase: "announced" | "paused" | "cutover") =>
      createRouting({ ...table, moves: [moveOf("m", "a", "d", [[mine.lo, middle]], { phase })] });
    const at = (routing: Routing, position: number) => names(routing, routing.setAt(position).owners);
    expect([at(with_("announced"), mine.lo), at(with_("announced"), middle)]).toEqual([["a"], ["a"]]);
    expect([at(with_("cutover"), mine.lo), at(with_("cutover"), middle - 1), at(with_("cutover"), middle)]).toEqual([
      ["d"],
      ["d"],
      ["a"],
    ]);
    expect(with_("announced").setAt(mine.lo).moves).toHaveLength(1);
    expect(with_("announced").setAt(middle).moves).toHaveLength(0);
    expect(with_("announced").setAt(mine.lo).paused).toHaveLength(0);
    expect(with_("paused").setAt(mine.lo).paused).toHaveLength(1);
    expect(with_("cutover").setAt(mine.lo).moves).toHaveLength(0);
    expect(with_("cutover").sets.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 12);
  });

  test("unserved share is exact: one replica of three, stale, misses its own arcs", () => {
    const table = tableOf({ a: "serving", b: "stale", c: "serving" }, { replicas: 1 });
    const share = placementOf(table)
      .segments()
      .reduce((sum, { owners, share }) => (owners[0] === "b" ? sum + share : sum), 0);
    expect(createRouting(table).unservedShare).toBeCloseTo(share, 12);
  });
});

describe("covers", () => {
  const five = createRouting(tableOf({ a: "serving", b: "serving", c: "serving", d: "serving", e: "serving" }, { replicas: 3 }));
  const request = { covers: five.covers, unavailable: [], worstFirst: [3, 1, 4, 0, 2] };
  test.each([
    [1, [0, 2, 4]],
    [2, [0, 1, 2, 4]],
    [3, [0, 1, 2, 3, 4]],
  ])("with 3 replicas and q = %i leaves out the worst 3 − q", (q, ask) => {
    expect(chooseCover({ ...request, q, maxLeftOut: 3 - q })).toEqual({ ask, missingShare: 0 });
  });

  test("nodes that must not be asked are left out whatever is missing, and counted", () => {
    const cover = chooseCover({ ...request, q: 1, unavailable: [0, 1, 2], maxLeftOut: 2 });
    expect(cover.ask).toEqual([3, 4]);
    expect(cover.missingShare).toBeCloseTo(
      missingShare(five.covers, (node) => node >= 3),
      12,
    );
    expect(cover.missingShare).toBeGreaterThan(0);
  });

  test("property: every position keeps min(q, serving) owners asked", () => {
    const seed = 20_261;
    const rng = seededRng(seed);
    for (let round = 0; round < 300; round++) {
      const count = 1 + Math.floor(rng() * 7);
      const states = Object.fromEntries(
        Array.from({ length: count }, (_, i) => [`n${i}`, rng() < 0.2 ? "stale" : "serving"] as const),
      );
      const replicas = 1 + Math.floor(rng() * count);
      const routing = createRouting(tableOf(states, { replicas, partitioner: { kind: "ring", hash: "xxh32", virtualNodes: 4 } }));
      const q = 1 + Math.floor(rng() * replicas);
      const worstFirst = Array.from({ length: count }, (_, i) => i).sort(() => rng() - 0.5);
      const { ask } = chooseCover({ covers: routing.covers, q, unavailable: [], worstFirst, maxLeftOut: replicas - q });
      for (const { read } of routing.sets)
        expect(read.filter((node) => ask.includes(node)).length, `seed ${seed} round ${round}`).toBeGreaterThanOrEqual(
          Math.min(q, read.length),
        );
    }
  });

  test("a node that failed is replaced by others that own its points, none twice", () => {
    const failed = 0;
    const extra = substitutes(five.covers, failed, 1, (node) => node === 2 || node === 4, [1, 3]);
    for (const { read } of five.covers)
      if (read.includes(failed)) expect(read.some((node) => [2, 4, ...extra].includes(node))).toBe(true);
    expect(new Set(extra).size).toBe(extra.length);
  });
});

describe("assignRanges", () => {
  test("each position is with one serving owner, in fewer ranges than there are arcs", () => {
    const routing = createRouting(
      tableOf(
        { a: "serving", b: "serving", c: "stale", d: "serving" },
        { partitioner: { kind: "ring", hash: "xxh32", virtualNodes: 150 } },
      ),
    );
    const { ranges, missingShare } = assignRanges(
      routing.segments,
      () => true,
      (node) => node,
    );
    expect(missingShare).toBe(0);
    const all = [...ranges].flatMap(([node, list]) => list.map(([lo, hi]) => ({ node, lo, hi }))).toSorted((x, y) => x.lo - y.lo);
    let at = 0;
    for (const { node, lo, hi } of all) {
      expect(lo).toBe(at);
      at = hi;
      for (const position of [lo, hi - 1]) expect(routing.serves(node, position)).toBe(true);
    }
    expect(at).toBe(2 ** 32);
    expect(all.length).toBeLessThan(routing.segments.length / 1.5);
  });

  test("one node that serves everything is one range; without it the rest is missing, exactly", () => {
    const routing = createRouting(tableOf({ a: "serving", b: "serving", c: "stale" }, { replicas: 2 }));
    const whole = createRouting(tableOf({ a: "serving", b: "serving" }, { replicas: 2 }));
    expect([
      ...assignRanges(
        whole.segments,
        () => true,
        (node) => -node,
      ).ranges,
    ]).toEqual([[1, [[0, 2 ** 32]]]]);
    const lost = assignRanges(
      routing.segments,
      (node) => node !== 0,
      (node) => node,
    );
    expect(lost.missingShare).toBeCloseTo(
      missingShare(routing.covers, (node) => node !== 0),
      9,
    );
    expect(
      assignRanges(
        whole.segments,
        () => true,
        (node) => node,
        [
          [5, 10],
          [20, 30],
        ],
      ).ranges.get(0),
    ).toEqual([
      [5, 10],
      [20, 30],
    ]);
  });
});

describe("transitions", () => {
  const three = tableOf({ a: "serving", b: "serving", c: "serving" });

  test("a mark that would leave some hash without serving owner is refused", () => {
    const once = applied(transitions.markStale(three, "b", createRouting(three)));
    expect(once.epoch).toBe(2);
    expect(once.nodes["b"]!.state).toBe("stale");
    expect(transitions.markStale(once, "b", createRouting(once))).toBe("unchanged");
    expect(transitions.markStale(once, "a", createRouting(once))).toEqual({
      refused: "a is the last serving owner of a part of the keys",
    });
  });

  test("quiet marks are numbered: an old end does not lift a newer mark", () => {
    const quiet = applied(transitions.markQuiet(three, "a"));
    const again = applied(transitions.markQuiet(quiet, "a"));
    expect(quiet.nodes["a"]!.quiet).toBe(2);
    expect(transitions.clearQuiet(again, "a", 2)).toBe("unchanged");
    expect(applied(transitions.clearQuiet(again, "a", 3)).nodes["a"]).not.toHaveProperty("quiet");
    expect(createRouting(quiet).sets.some((set) => set.quiet)).toBe(true);
  });

  test("a cut-over needs its own pause, a serving source and a target that is not stale", () => {
    const before = tableOf({ a: "serving", b: "serving", c: "joining" }, { replicas: 1 });
    const routing = createRouting(before);
    const arc = routing.segments.find(({ set }) => names(routing, set.owners)[0] === "a")!;
    const announced = applied(transitions.announceMoves(before, [moveOf("m", "a", "c", [[arc.lo, arc.hi]])], routing));
    expect(transitions.cutOver(announced, new Map([["m", 1]]), createRouting(announced))).toEqual({
      refused: "move m is not in that pause any more",
    });
    const paused = applied(transitions.startPause(announced, ["m"]));
    const ended = applied(transitions.endPause(paused, "m", 1));
    const again = applied(transitions.startPause(ended, ["m"]));
    expect(transitions.endPause(again, "m", 1)).toBe("unchanged");
    expect(transitions.cutOver(again, new Map([["m", 1]]), createRouting(again))).toHaveProperty("refused");
    const done = applied(transitions.cutOver(again, new Map([["m", 2]]), createRouting(again)));
    expect(done.nodes["c"]!.state).toBe("serving");
    expect(names(createRouting(done), createRouting(done).setAt(arc.lo).owners)).toEqual(["c"]);
    expect(transitions.dropMove(done, "m")).toHaveProperty("refused");
    const lost = { ...again, nodes: { ...again.nodes, a: { ...again.nodes["a"]!, state: "stale" as const } } };
    expect(transitions.cutOver(lost, new Map([["m", 2]]), createRouting(lost))).toEqual({
      refused: "a is not a serving owner of all points of move m",
    });
  });

  test("a node marked stale again during its repair starts over", () => {
    const stale = tableOf({ a: "serving", b: "stale", c: "serving" });
    const repairing = applied(
      transitions.announceMoves(stale, [moveOf("r", "a", "b", [[0, 100]], { repair: true })], createRouting(stale)),
    );
    expect(applied(transitions.markStale(repairing, "b", createRouting(repairing))).moves).toEqual([]);
  });

  test("moves that share points are not announced together, nor one to a node that serves them already", () => {
    const four = tableOf({ a: "serving", b: "serving", c: "joining", d: "joining" });
    const one = applied(transitions.announceMoves(four, [moveOf("m", "a", "c", [[0, 100]])], createRouting(four)));
    expect(transitions.announceMoves(one, [moveOf("n", "b", "d", [[99, 200]])], createRouting(one))).toEqual({
      refused: "move m has points of move n in flight",
    });
    expect(transitions.announceMoves(four, [moveOf("m", "a", "b", [[0, 100]])], createRouting(four))).toEqual({
      refused: "b already serves points of move m",
    });
  });

  test("a plan's moves, all cut over, add up to the new layout; settling too early is refused", () => {
    const before = tableOf({ a: "serving", b: "serving", c: "serving", d: "joining" }, { replicas: 2 });
    const nodes = { ...before.nodes, d: { ...before.nodes["d"]!, state: "serving" as const } };
    const layout = { partitioner: before.partitioner, replicas: 2, members: ["a", "b", "c", "d"], nodes };
    const { transfers } = movement(placementOf(before), placementOf({ ...before, ...layout }));
    let table = before;
    const ids = transfers.map((_, index) => `m${index}`);
    for (const [index, { from, to, replaces, ranges }] of transfers.entries()) {
      const id = ids[index]!;
      expect(transitions.settle(table, layout, ids.slice(0, index))).toHaveProperty("refused");
      table = applied(transitions.announceMoves(table, [{ ...moveOf(id, from, to, ranges), replaces }], createRouting(table)));
      table = applied(transitions.startPause(table, [id]));
      table = applied(transitions.cutOver(table, new Map([[id, 1]]), createRouting(table)));
    }
    const settled = applied(transitions.settle(table, layout, ids));
    expect(settled.moves).toEqual([]);
    expect(settled.members).toEqual(["a", "b", "c", "d"]);
  });
});
