import { beforeAll, describe, expect, test } from "vitest";
import { routedRadius } from "../../../../src/faults/guard/routed.ts";
import { loadHashes, type RoutingTable } from "../../../../src/sharding/index.ts";
import { tableOf } from "./helpers.ts";

beforeAll(() => loadHashes());

type Level = "one" | "quorum" | "all";
function radiusOf(table: RoutingTable, nodes: string[], down: string[] = [], level: Level = "one", silences = true) {
  return routedRadius(table, { nodes, silences, down, level });
}
const lostShare = (...args: Parameters<typeof radiusOf>) => radiusOf(...args).unserved.share;

describe("what would have too few serving owners", () => {
  test("one of three with two replicas: nothing, while two thirds lose a copy", () => {
    const radius = radiusOf(tableOf(3, 2), ["n2"]);
    expect(radius.unserved).toEqual({ share: 0 });
    expect(radius.lastOwners).toEqual([]);
    expect(radius.affected.share).toBeGreaterThan(0.55);
    expect(radius.affected.share).toBeLessThan(0.78);
  });
  test("without replicas: the node's own share", () => {
    const share = lostShare(tableOf(3, 1), ["n2"]);
    expect(share).toBeGreaterThan(0.25);
    expect(share).toBeLessThan(0.42);
  });
  test("a second node, while one is dead: what the two share, and the hashes of it", () => {
    const { unserved, lastOwners } = radiusOf(tableOf(3, 2), ["n3"], ["n2"]);
    expect(unserved.share).toBeGreaterThan(0.2);
    expect(unserved.share).toBeLessThan(0.45);
    expect(lastOwners).toEqual(["n3"]);
    expect(unserved.ranges!.length).toBeLessThanOrEqual(8);
    expect(unserved.rangeCount).toBeGreaterThan(unserved.ranges!.length);
    for (const [lo, hi] of unserved.ranges!) expect(0 <= lo && lo < hi && hi <= 2 ** 32).toBe(true);
    // Named ranges are part of the share, not all of it.
    const named = unserved.ranges!.reduce((sum, [lo, hi]) => sum + (hi - lo) / 2 ** 32, 0);
    expect(named).toBeLessThan(unserved.share);
  });
  test("a stale node serves nothing, so the other owner is the last", () => {
    expect(lostShare(tableOf(3, 2, { n2: "stale" }), ["n3"])).toBeGreaterThan(0.2);
  });
  test("the only node: everything", () => {
    expect(lostShare(tableOf(1, 1), ["n1"])).toBeCloseTo(1, 9);
  });
  test("a joining node owns nothing", () => {
    const table = tableOf(3, 1);
    table.nodes["n4"] = { url: "http://n4", weight: 1, state: "joining" };
    expect(radiusOf(table, ["n4"])).toMatchObject({ affected: { share: 0 }, unserved: { share: 0 } });
  });
  test("a quorum of three replicas survives one and not two", () => {
    expect(lostShare(tableOf(4, 3), ["n1"], [], "quorum")).toBe(0);
    expect(lostShare(tableOf(4, 3), ["n1"], ["n2"], "quorum")).toBeGreaterThan(0.3);
  });
  test.each([
    ["one", 1],
    ["quorum", 2],
    ["all", 3],
  ] as const)("%s of three replicas needs %i", (level, needed) => {
    expect(radiusOf(tableOf(4, 3), ["n1"], [], level).needed).toBe(needed);
  });
  test("a fault that only weakens takes nothing away, and says what it touches", () => {
    const radius = radiusOf(tableOf(3, 1), ["n2"], [], "one", false);
    expect(radius.unserved.share).toBe(0);
    expect(radius.affected.share).toBeGreaterThan(0.25);
    expect(radius.reads.every(({ before, after }) => before === after)).toBe(true);
  });
  test("cells of a semantic table by their numbers", () => {
    const centroids = [0, 1, 2, 3, 4, 5, 6, 7].map((cell) => Array.from({ length: 8 }, (_, at) => (at === cell ? 1 : 0)));
    const partitioner = { kind: "semantic", hash: "xxh32", modelId: "m", centroids, probes: 2 } as const;
    const { unserved, queries } = radiusOf({ ...tableOf(3, 1), partitioner: { ...partitioner, centroids } }, ["n2"]);
    expect(unserved.cells!.length).toBeGreaterThan(0);
    expect(unserved.share).toBeCloseTo(unserved.cells!.length / 8, 6);
    // Two of eight cells are probed: some searches miss the node, and some do not.
    expect(queries.failing).toBeGreaterThan(0);
    expect(queries.failing).toBeLessThan(1);
  });
});

describe("who answers instead, and for how many searches it matters", () => {
  test("the others take over what it answered", () => {
    const { reads } = radiusOf(tableOf(3, 2), ["n2"]);
    const sum = (of: "before" | "after") => reads.reduce((total, row) => total + row[of], 0);
    expect(sum("before")).toBeCloseTo(1, 4);
    expect(sum("after")).toBeCloseTo(1, 4);
    expect(reads.find(({ node }) => node === "n2")).toMatchObject({ after: 0 });
    for (const { node, before, after } of reads) if (node !== "n2") expect(after).toBeGreaterThan(before);
  });
  test("of three nodes with two replicas two are asked: two searches of three ask the node, and none fails", () => {
    const { queries } = radiusOf(tableOf(3, 2), ["n2"]);
    expect(queries.asking).toBeGreaterThan(0.55);
    expect(queries.asking).toBeLessThan(0.78);
    expect(queries.failing).toBe(0);
  });
  test("where every node is asked, every search asks it, and fails where it was the last", () => {
    expect(radiusOf(tableOf(3, 1), ["n2"]).queries).toEqual({ asking: 1, failing: 1 });
  });
});
