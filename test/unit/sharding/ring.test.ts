import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { createPlacement, hash32, loadHashes, primaryShares, shares, type Member } from "../../../src/sharding/index.ts";

beforeAll(loadHashes);

interface Vectors {
  hash: "md5-32" | "md5-128";
  nodes: string[];
  virtualNodes: number;
  replicas: number;
  pairs: [key: string, owners: string[]][];
}

const nodes = (count: number, zones = 0): Member[] =>
  Array.from({ length: count }, (_, i) => (zones > 0 ? { id: `n${i}`, zone: `z${i % zones}` } : { id: `n${i}` }));

describe.each(["md5-32", "md5-128"] as const)("%s ring", (name) => {
  const vectors = JSON.parse(readFileSync(new URL(`../../data/rings/${name}.json`, import.meta.url), "utf8")) as Vectors;
  const ring = createPlacement({
    partitioner: { kind: "ring", hash: vectors.hash, virtualNodes: vectors.virtualNodes },
    members: vectors.nodes.map((id) => ({ id })),
    replicas: vectors.replicas,
  });

  test("gives, id for id, the owners of the Python ring", () => {
    expect(vectors.pairs).toHaveLength(1000);
    expect(vectors.pairs.map(([key]) => [key, ring.ownersOfKey(key)])).toEqual(vectors.pairs);
  });
});

describe("md5-32", () => {
  test.each([
    ["", 0xf8427e],
    // RFC 1321: MD5("abc") = 900150983cd24fb0d6963f7d28e17f72
    ["abc", 0x28e17f72],
  ])("of %j is the digest mod 2^32", (text, expected) => {
    if (text === "") expect(hash32("md5-32")(text)).toBe(Number(BigInt("0xd41d8cd98f00b204e9800998ecf8427e") % 2n ** 32n));
    else expect(hash32("md5-32")(text)).toBe(expected);
  });
});

describe("xxh32", () => {
  test.each([
    ["", 0x02cc5d05],
    ["a", 0x550d7456],
    ["abc", 0x32d153ff],
    ["Nobody inspects the spammish repetition", 0xe2293b2f],
  ])("of %j is the published value", (text, expected) => {
    expect(hash32("xxh32")(text)).toBe(expected);
  });
});

describe("ring", () => {
  test("a key belongs to the first position strictly greater than its hash", () => {
    const hash = hash32("xxh32");
    const ring = createPlacement({
      partitioner: { kind: "ring", hash: "xxh32", virtualNodes: 1 },
      members: nodes(3),
      replicas: 1,
    });
    const positions = nodes(3)
      .map(({ id }) => ({ id, at: hash(`${id}:0`) }))
      .toSorted((a, b) => a.at - b.at);
    for (const [index, { id, at }] of positions.entries()) {
      expect(ring.ownersOfHash(at - 1)).toEqual([id]);
      expect(ring.ownersOfHash(at)).toEqual([positions[(index + 1) % 3]!.id]);
    }
    expect(ring.ownersOfHash(2 ** 32 - 1)).toEqual([positions[0]!.id]);
    expect(ring.ownersOfHash(0)).toEqual([positions[0]!.id]);
  });

  test("unseen zones first, then those passed over in order", () => {
    const plain = createPlacement({
      partitioner: { kind: "ring", hash: "xxh32", virtualNodes: 50 },
      members: nodes(6),
      replicas: 6,
    });
    const zoned = createPlacement({
      partitioner: { kind: "ring", hash: "xxh32", virtualNodes: 50 },
      members: nodes(6, 3),
      replicas: 4,
    });
    for (let i = 0; i < 500; i++) {
      const clockwise = plain.ownersOfKey(`key ${i}`);
      const zone = (id: string) => Number(id.slice(1)) % 3;
      const first = clockwise.filter((id, at) => clockwise.findIndex((other) => zone(other) === zone(id)) === at);
      const rest = clockwise.filter((id) => !first.includes(id));
      expect(zoned.ownersOfKey(`key ${i}`)).toEqual([...first, ...rest].slice(0, 4));
    }
  });

  test("shares are exact: they agree with counting, and add up", () => {
    const members = [...nodes(5), { id: "big", weight: 2 }];
    const ring = createPlacement({ partitioner: { kind: "ring", hash: "xxh32", virtualNodes: 150 }, members, replicas: 2 });
    const exact = shares(ring);
    const counted = new Map(members.map(({ id }) => [id, 0]));
    const keys = 40_000;
    for (let i = 0; i < keys; i++)
      for (const id of ring.ownersOfKey(`doc_${i % 100}_chunk_${i}`)) counted.set(id, counted.get(id)! + 1 / keys);
    expect([...exact.values()].reduce((a, b) => a + b)).toBeCloseTo(2, 12);
    expect([...primaryShares(ring).values()].reduce((a, b) => a + b)).toBeCloseTo(1, 12);
    for (const { id } of members) expect(Math.abs(exact.get(id)! - counted.get(id)!)).toBeLessThan(0.012);
    expect(exact.get("big")! / exact.get("n0")!).toBeGreaterThan(1.4);
  });

  test("a member more takes from the others and moves nothing between them", () => {
    const spec = { kind: "ring", hash: "xxh32", virtualNodes: 150 } as const;
    const before = createPlacement({ partitioner: spec, members: nodes(4), replicas: 1 });
    const after = createPlacement({ partitioner: spec, members: nodes(5), replicas: 1 });
    for (let i = 0; i < 5000; i++) {
      const [was] = before.ownersOfKey(`k${i}`);
      const [is] = after.ownersOfKey(`k${i}`);
      if (was !== is) expect(is).toBe("n4");
    }
  });

  test("refuses what cannot be placed, in a sentence", () => {
    const partitioner = { kind: "ring", hash: "xxh32", virtualNodes: 10 } as const;
    expect(() => createPlacement({ partitioner, members: [], replicas: 1 })).toThrow("There are no nodes");
    expect(() => createPlacement({ partitioner, members: nodes(2), replicas: 3 })).toThrow(
      "3 replicas need 3 nodes; there are 2.",
    );
    expect(() => createPlacement({ partitioner, members: [...nodes(2), { id: "n0" }], replicas: 1 })).toThrow("named twice");
  });
});
