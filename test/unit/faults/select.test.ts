import { describe, expect, test } from "vitest";
import type { ClusterConfig } from "../../../src/config/schema.ts";
import { selectSubjects, type Selection } from "../../../src/faults/select.ts";
import { seededRng } from "../../../src/runtime.ts";

const cluster = {
  name: "prod",
  source: { kind: "config" },
  nodes: [
    { id: "n1", url: "http://n1", zone: "a" },
    { id: "n2", url: "http://n2", zone: "b" },
    { id: "n3", url: "http://n3", zone: "a" },
    { id: "n4", url: "http://n4", zone: "b" },
  ],
  cache: { url: "redis://r:1" },
} as unknown as ClusterConfig;

const seed = 7;
type Scope = "node" | "zone" | "cache";
const chosen = (selection: Selection, scope: Scope = "node", of = cluster) =>
  selectSubjects(of, { name: "hang", scope }, selection, seededRng(seed)).map(({ id }) => id);

const problems = (selection: Selection, scope: Scope = "node", of = cluster): string[] => {
  try {
    chosen(selection, scope, of);
    return [];
  } catch (error) {
    expect((error as any).exitCode).toBe(2);
    return (error as any).details.map(({ path, message }: any) => (path ? `${path}: ${message}` : message));
  }
};

test("by id, in the cluster's order and each once; by zone; at random, the same for a seed", () => {
  expect(chosen({ nodes: ["n4", "n1", "n4"] })).toEqual(["n1", "n4"]);
  expect(chosen({ zone: "b" })).toEqual(["n2", "n4"]);
  expect(chosen({ zone: "b" }, "zone")).toEqual(["n2", "n4"]);
  expect(chosen({ random: 2 })).toEqual(chosen({ random: 2 }));
  expect(new Set(chosen({ random: 3 })).size).toBe(3);
  expect(chosen({ random: 4 })).toEqual(["n1", "n2", "n3", "n4"]);
});

test("with a zone of the local cluster goes the cache that serves it alone; a cache fault takes one, that of a zone where it is said", () => {
  const zoned = {
    ...cluster,
    source: { kind: "local" },
    cache: { driver: "redis", url: "redis://r:1", zones: { b: { url: "redis://r:2" } } },
  } as unknown as ClusterConfig;
  expect(chosen({ zone: "b" }, "zone", zoned)).toEqual(["n2", "n4", "cache-b"]);
  expect(chosen({ zone: "a" }, "zone", zoned)).toEqual(["n1", "n3", "cache"]);
  expect(chosen({ zone: "a" }, "node", zoned)).toEqual(["n1", "n3"]);
  // Elsewhere nobody says how a cache is reached.
  expect(chosen({ zone: "b" }, "zone", { ...zoned, source: { kind: "config" } })).toEqual(["n2", "n4"]);
  expect(chosen({}, "cache", zoned)).toEqual(["cache"]);
  expect(chosen({ zone: "b" }, "cache", zoned)).toEqual(["cache-b"]);
  expect(problems({ zone: "c" }, "cache", zoned)).toEqual(['--zone: no cache of prod serves zone "c"; did you mean "a"?']);
});

test("at random, every node has its turn", () => {
  const rng = seededRng(seed);
  const drawn = Array.from({ length: 200 }, () => selectSubjects(cluster, { name: "hang" }, { random: 1 }, rng)[0]!.id);
  for (const { id } of cluster.nodes) expect(drawn.filter((each) => each === id).length).toBeGreaterThan(20);
});

describe("what is wrong with a choice, all of it at once", () => {
  test.each<[string, Selection, Scope, string[]]>([
    ["nothing", {}, "node", ["NODE: say which nodes: by their ids, --zone, or --random"]],
    ["no zone", {}, "zone", ["ZONE: say which zone"]],
    [
      "three ways and unknown names",
      { nodes: ["m1"], zone: "aa", random: 9 },
      "node",
      [
        "NODE: name nodes, or --zone, or --random: one of the three",
        'NODE: cluster prod has no node "m1"; did you mean "n1"?',
        '--zone: no node of prod is in zone "aa"; did you mean "a"?',
        "--random: 9 of 4 nodes",
      ],
    ],
    ["a node for the cache", { nodes: ["n1"] }, "cache", ["NODE: hang acts on the cache of the cluster: name no node"]],
  ])("%s", (_what, selection, scope, expected) => {
    expect(problems(selection, scope)).toEqual(expected);
  });

  test("a cluster without a cache of its own", () => {
    const bare = { ...cluster, cache: { driver: "memory" } } as unknown as ClusterConfig;
    expect(problems({}, "cache", bare)).toEqual(["cluster prod has no cache of its own that faults could reach"]);
    expect(chosen({}, "cache")).toEqual(["cache"]);
    expect(chosen({ nodes: ["cache"] }, "cache")).toEqual(["cache"]);
  });
});
