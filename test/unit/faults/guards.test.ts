import { describe, expect, test } from "vitest";
import { blastRadius, neededOwners, refuseLostOwners } from "../../../src/faults/guards.ts";
import type { NodeState, RoutingTable } from "../../../src/sharding/index.ts";

function tableOf(nodes: number, replicas: number, states: Record<string, NodeState> = {}): RoutingTable {
  const ids = Array.from({ length: nodes }, (_, index) => `n${index + 1}`);
  return {
    schemaVersion: 1,
    collection: "docs",
    epoch: 1,
    partitioner: { kind: "ring", virtualNodes: 150, hash: "xxh32" },
    replicas,
    members: ids,
    nodes: Object.fromEntries(ids.map((id) => [id, { url: `http://${id}`, weight: 1, state: states[id] ?? "serving" }])),
    moves: [],
    vector: { size: 8, distance: "Cosine" },
  };
}

async function lostShare(table: RoutingTable, taken: string[], dead: string[] = [], needed = 1): Promise<number> {
  const [radius] = await blastRadius([table], taken, dead, () => needed);
  return radius!.unservedShare;
}

describe("what would have no serving owner", () => {
  test("one of three with two replicas: nothing, while two thirds lose a copy", async () => {
    const [radius] = await blastRadius([tableOf(3, 2)], ["n2"], [], () => 1);
    expect(radius!.unservedShare).toBe(0);
    expect(radius!.affectedShare).toBeGreaterThan(0.55);
    expect(radius!.affectedShare).toBeLessThan(0.78);
  });
  test("without replicas: the node's own share", async () => {
    const share = await lostShare(tableOf(3, 1), ["n2"]);
    expect(share).toBeGreaterThan(0.25);
    expect(share).toBeLessThan(0.42);
  });
  test("a second node, while one is dead: what the two share", async () => {
    const share = await lostShare(tableOf(3, 2), ["n3"], ["n2"]);
    expect(share).toBeGreaterThan(0.2);
    expect(share).toBeLessThan(0.45);
  });
  test("a stale node serves nothing, so the other owner is the last", async () => {
    expect(await lostShare(tableOf(3, 2, { n2: "stale" }), ["n3"])).toBeGreaterThan(0.2);
  });
  test("the only node: everything", async () => {
    expect(await lostShare(tableOf(1, 1), ["n1"])).toBeCloseTo(1, 9);
  });
  test("a joining node owns nothing", async () => {
    const table = tableOf(3, 1);
    table.nodes["n4"] = { url: "http://n4", weight: 1, state: "joining" };
    expect(await lostShare(table, ["n4"])).toBe(0);
  });
  test("a quorum of three replicas survives one and not two", async () => {
    expect(await lostShare(tableOf(4, 3), ["n1"], [], 2)).toBe(0);
    expect(await lostShare(tableOf(4, 3), ["n1"], ["n2"], 2)).toBeGreaterThan(0.3);
  });
});

test.each([
  ["one", 3, 1],
  ["quorum", 2, 2],
  ["quorum", 3, 2],
  ["all", 3, 3],
] as const)("%s of %i replicas needs %i", (level, replicas, needed) => {
  expect(neededOwners(level, replicas)).toBe(needed);
});

test("the refusal names collection, share and who is down already", async () => {
  const radii = await blastRadius([tableOf(3, 2)], ["n3"], ["n2"], () => 1);
  const refusal = () => refuseLostOwners(radii, ["n3"], ["n2"]);
  expect(refusal).toThrow(/^without n3, [\d.]+ % of docs would have no serving owner \(n2 is down already\)$/);
  expect(() => refuseLostOwners([], ["n3"], [])).not.toThrow();
});
