import { describe, expect, test } from "vitest";
import { planUp, type UpFlags } from "../../../src/local/plan.ts";
import type { LocalSpec } from "../../../src/local/spec.ts";

function specOf(more: Partial<LocalSpec> = {}): LocalSpec {
  return {
    schemaVersion: 1,
    clusterId: "c1",
    engine: "embedded",
    replicas: 2,
    zones: [],
    nodes: [1, 2, 3].map((index) => ({ id: `n${index}`, port: 7000 + index })),
    cache: { driver: "memory" },
    ...more,
  };
}

const zonesOf = (nodes: { zone?: string }[]) => nodes.map(({ zone }) => zone ?? "-").join("");

describe("the first time", () => {
  test("three nodes, two replicas, nothing to install", () => {
    expect(planUp(undefined, {}, [])).toEqual({
      nodes: [{ id: "n1" }, { id: "n2" }, { id: "n3" }],
      proxies: true,
      replicas: 2,
      zones: [],
      engine: "embedded",
      cache: "memory",
      added: ["n1", "n2", "n3"],
    });
  });
  test("one node has one replica unless it is told otherwise", () => {
    expect(planUp(undefined, { nodes: 1 }, []).replicas).toBe(1);
  });
  test("zones in turn", () => {
    expect(zonesOf(planUp(undefined, { nodes: 5, zones: ["a", "b"] }, []).nodes)).toBe("ababa");
  });
});

describe("again", () => {
  test("changes nothing: flags that are not given keep their values", () => {
    const spec = specOf({ zones: ["a", "b"], replicas: 3, cache: { driver: "redis", port: 7777, binary: "/bin/redis-server" } });
    const plan = planUp(spec, {}, ["docs"]);
    expect(plan).toMatchObject({ replicas: 3, zones: ["a", "b"], cache: "redis", added: [] });
    expect(plan.nodes.map(({ port }) => port)).toEqual([7001, 7002, 7003]);
  });
  test("more nodes are added after those that are there", () => {
    const plan = planUp(specOf({ zones: ["a", "b"] }), { nodes: 5 }, ["docs"]);
    expect(plan.added).toEqual(["n4", "n5"]);
    expect(zonesOf(plan.nodes)).toBe("ababa");
    expect(plan.nodes[0]).toEqual({ id: "n1", port: 7001, zone: "a" });
  });
  test("replicas and zones may change while there is no collection", () => {
    const plan = planUp(specOf(), { replicas: 3, zones: ["x", "y"] }, []);
    expect(plan.replicas).toBe(3);
    expect(zonesOf(plan.nodes)).toBe("xyx");
  });
  test("the cache may change", () => {
    expect(planUp(specOf(), { cache: "redis" }, ["docs"]).cache).toBe("redis");
  });
});

describe("refused with a sentence", () => {
  test.each<[string, LocalSpec | undefined, UpFlags, string[], number, RegExp]>([
    [
      "more replicas than nodes",
      undefined,
      { nodes: 2, replicas: 3 },
      [],
      2,
      /--replicas: 3 replicas need as many nodes, and there are 2/,
    ],
    ["more zones than nodes", undefined, { nodes: 1, zones: ["a", "b"] }, [], 2, /--zones: 2 zones/],
    ["far too many nodes", undefined, { nodes: 1000 }, [], 2, /--nodes: 1000 processes/],
    ["a privileged port", undefined, { portBase: 80 }, [], 2, /--port-base: expected a port from 1024/],
    ["two mistakes at once", undefined, { nodes: 1, replicas: 2, portBase: 70_000 }, [], 2, /^2 problems:/],
    ["fewer nodes", specOf(), { nodes: 2 }, [], 7, /this cluster has 3 nodes, and up takes none away/],
    ["another engine", specOf(), { engine: "qdrant" }, [], 7, /written by the embedded engine/],
    ["other ports", specOf(), { portBase: 9000 }, [], 7, /keep their ports \(n1 has 7001\)/],
    ["other replicas with data", specOf(), { replicas: 1 }, ["docs"], 7, /collection docs has 2 replicas/],
    ["other replicas with more data", specOf(), { replicas: 1 }, ["a", "b"], 7, /collections a, b have 2 replicas/],
    ["other zones with data", specOf({ zones: ["a"] }), { zones: ["b"] }, ["docs"], 7, /placed over the zones a;/],
  ])("%s", (_name, spec, flags, collections, exitCode, message) => {
    expect(() => planUp(spec, flags, collections)).toThrow(
      expect.objectContaining({ exitCode, message: expect.stringMatching(message) }),
    );
  });
});
