import { beforeAll, describe, expect, test } from "vitest";
import { createPlacement, loadHashes, movement, shares, type Member, type PartitionerSpec } from "../../../src/sharding/index.ts";

beforeAll(loadHashes);

const members = (count: number): Member[] => Array.from({ length: count }, (_, i) => ({ id: `n${i}`, zone: `z${i % 3}` }));
const ring: PartitionerSpec = { kind: "ring", hash: "xxh32", virtualNodes: 150 };
const specs: PartitionerSpec[] = [
  ring,
  { kind: "ring", hash: "md5-128", virtualNodes: 40 },
  { kind: "rendezvous", hash: "xxh32" },
  { kind: "range", hash: "xxh32", bounds: [100, 250, 5000] },
  { kind: "semantic", hash: "xxh32", modelId: "m", centroids: Array.from({ length: 16 }, (_, i) => [i, 1]) },
];

describe.each(specs.map((spec) => [spec.kind, spec] as const))("%s", (_kind, partitioner) => {
  test("segments cover every position once, with distinct owners in distinct zones", () => {
    const placement = createPlacement({ partitioner, members: members(7), replicas: 3 });
    let at = 0;
    for (const { lo, hi, owners } of placement.segments()) {
      expect(lo).toBe(at);
      expect(hi).toBeGreaterThan(lo);
      expect(new Set(owners).size).toBe(3);
      expect(new Set(owners.map((id) => Number(id.slice(1)) % 3)).size).toBe(3);
      expect(placement.ownersOfHash(lo)).toEqual(owners);
      at = hi;
    }
    expect(at).toBe(placement.space);
    expect([...shares(placement).values()].reduce((a, b) => a + b)).toBeCloseTo(3, 9);
  });
});

describe("rendezvous", () => {
  test("follows weights, and a lost member's slots alone move", () => {
    const partitioner = { kind: "rendezvous", hash: "xxh32" } as const;
    const weighted = createPlacement({ partitioner, members: [{ id: "a" }, { id: "b", weight: 2 }, { id: "c" }], replicas: 1 });
    expect(shares(weighted).get("b")).toBeGreaterThan(0.48);
    expect(shares(weighted).get("b")).toBeLessThan(0.52);
    const before = createPlacement({ partitioner, members: members(5), replicas: 1 });
    const after = createPlacement({ partitioner, members: members(5).slice(0, 4), replicas: 1 });
    const moved = movement(before, after);
    expect(moved.movedFraction).toBeCloseTo(shares(before).get("n4")!, 12);
    expect(moved.transfers.every(({ from }) => from === "n4")).toBe(true);
  });

  test("a key's slot is the top 14 bits of its hash", () => {
    const placement = createPlacement({ partitioner: { kind: "rendezvous", hash: "xxh32" }, members: members(5), replicas: 2 });
    for (const slot of [0, 1, 77, 16_383])
      expect(placement.ownersOfHash(slot * 2 ** 18 + 2 ** 18 - 1)).toEqual(placement.ownersOfHash(slot * 2 ** 18));
  });
});

describe("range", () => {
  test("a split leaves its first half where it was", () => {
    const at = (bounds: number[], key: string) =>
      createPlacement({ partitioner: { kind: "range", hash: "xxh32", bounds }, members: members(7), replicas: 2 }).ownersOfKey(
        key,
      );
    expect(at([100, 150, 250], "120")).toEqual(at([100, 250], "120"));
    expect(at([100, 150, 250], "300")).toEqual(at([100, 250], "300"));
  });

  test("refuses bounds out of order", () => {
    const bad = { kind: "range", hash: "xxh32", bounds: [10, 10] } as const;
    expect(() => createPlacement({ partitioner: { ...bad, bounds: [10, 10] }, members: members(3), replicas: 1 })).toThrow(
      "ascending",
    );
  });
});

describe("movement", () => {
  test("is what routing keys one by one shows, and close to the minimum for a ring", () => {
    const before = createPlacement({ partitioner: ring, members: members(3), replicas: 2 });
    const after = createPlacement({ partitioner: ring, members: members(4), replicas: 2 });
    const { movedFraction, primaryChangedFraction, minimumFraction, transfers } = movement(before, after);
    let copies = 0;
    let primaries = 0;
    const keys = 30_000;
    for (let i = 0; i < keys; i++) {
      const was = before.ownersOfKey(`doc_${i}`);
      const is = after.ownersOfKey(`doc_${i}`);
      copies += is.filter((id) => !was.includes(id)).length;
      if (was[0] !== is[0]) primaries++;
    }
    expect(movedFraction).toBeCloseTo(copies / keys / 2, 1.9);
    expect(primaryChangedFraction).toBeCloseTo(primaries / keys, 1.9);
    expect(minimumFraction).toBeLessThanOrEqual(movedFraction + 1e-12);
    expect(transfers.reduce((sum, { share }) => sum + share, 0) / 2).toBeCloseTo(movedFraction, 12);
    for (const { ranges } of transfers)
      for (const [index, [lo, hi]] of ranges.entries()) {
        expect(hi).toBeGreaterThan(lo);
        if (index > 0) expect(lo).toBeGreaterThan(ranges[index - 1]![1]);
      }
  });

  test("nothing moves between equal placements; one replica more copies without replacing", () => {
    const two = createPlacement({ partitioner: ring, members: members(4), replicas: 2 });
    expect(movement(two, createPlacement({ partitioner: ring, members: members(4), replicas: 2 }))).toEqual({
      movedFraction: 0,
      primaryChangedFraction: 0,
      minimumFraction: 0,
      transfers: [],
      lostShare: 0,
    });
    const three = createPlacement({ partitioner: ring, members: members(4), replicas: 3 });
    const more = movement(two, three);
    expect(more.movedFraction).toBeCloseTo(1 / 3, 9);
    expect(more.minimumFraction).toBeCloseTo(1 / 3, 9);
    expect(more.transfers.every(({ replaces }) => replaces === null)).toBe(true);
  });
});
