import { describe, expect, it } from "vitest";
import { passesThreshold, rankAt, scoreOfRank, writeVector } from "../../../src/node/distance.ts";
import { IdOrder } from "../../../src/node/id-order.ts";
import { compareIds, parsePointId } from "../../../src/node/ids.ts";
import { parseWithPayload } from "../../../src/node/payload-select.ts";
import { TopK } from "../../../src/node/top-k.ts";
import { seededRng } from "../../../src/runtime.ts";
import type { PointId } from "../../../src/stores/contract.ts";

describe("distances", () => {
  const arena = Float32Array.from([9, 9, 3, 4, 0, 0, 5]);
  const query = Float32Array.from([1, 2, 3, 4, 5]);
  it.each([
    ["Dot", 3 * 1 + 4 * 2 + 5 * 5, 36],
    ["Euclid", -(4 + 4 + 9 + 16), Math.fround(Math.sqrt(33))],
  ] as const)("%s: rank and score, of sizes that are no multiple of four", (distance, rank, score) => {
    expect(rankAt(distance, query, arena, 2)).toBe(rank);
    expect(scoreOfRank(distance, rank)).toBe(score);
  });

  it("normalises for Cosine only, and a second time changes no bit", () => {
    const once = new Float32Array(2);
    writeVector([3, 4], 2, "Cosine", once);
    expect([...once]).toEqual([Math.fround(0.6), Math.fround(0.8)]);
    const rng = seededRng(7);
    for (let round = 0; round < 200; round++) {
      const first = new Float32Array(17);
      writeVector(
        Array.from(first, () => rng() - 0.5),
        17,
        "Cosine",
        first,
      );
      const second = new Float32Array(17);
      writeVector([...first], 17, "Cosine", second);
      expect(second).toEqual(first);
    }
    const dot = new Float32Array(2);
    writeVector([3, 4], 2, "Dot", dot);
    expect([...dot]).toEqual([3, 4]);
  });

  it.each<[string, unknown, RegExp]>([
    ["too short", [1], /expected dim: 2, got 1/],
    ["with null", [1, null], /numbers/],
    ["beyond 32 bits", [1e39, 0], /32-bit/],
    ["no list", "1,2", /numbers/],
  ])("refuses a vector that is %s", (_what, vector, message) => {
    expect(() => writeVector(vector, 2, "Cosine", new Float32Array(2))).toThrow(message);
  });

  it("keeps what is strictly better than the threshold, whichever way better is", () => {
    expect([0.4, 0.5, 0.6].filter((score) => passesThreshold("Dot", score, 0.5))).toEqual([0.6]);
    expect([0.4, 0.5, 0.6].filter((score) => passesThreshold("Euclid", score, 0.5))).toEqual([0.4]);
    expect(passesThreshold("Cosine", -1, undefined)).toBe(true);
  });
});

describe("ids", () => {
  it("come in Qdrant's order: integers by value, then UUIDs", () => {
    const [low, high] = ["00000000-0000-0000-0000-00000000000a", "f0000000-0000-0000-0000-000000000000"];
    expect([high, 10, low, 9].map((id) => parsePointId(id)).sort(compareIds)).toEqual([9, 10, low, high]);
  });

  it.each([-1, 1.5, "12", "zz", null, {}])("%j is none", (id) => {
    expect(() => parsePointId(id)).toThrow(expect.objectContaining({ httpStatus: 400 }));
  });

  it("refuses integers that JavaScript would round", () => {
    expect(() => parsePointId(2 ** 53)).toThrow(expect.objectContaining({ httpStatus: 501 }));
    expect(parsePointId(2 ** 53 - 1)).toBe(2 ** 53 - 1);
  });

  it("are iterated in order after any mixture of additions and deletions", () => {
    const seed = 20_260_301;
    const rng = seededRng(seed);
    const order = new IdOrder();
    const alive = new Set<PointId>();
    for (let round = 0; round < 60; round++) {
      for (let index = 0; index < 20; index++) {
        const number = Math.floor(rng() * 300);
        const id = rng() < 0.5 ? number : `00000000-0000-0000-0000-${String(number).padStart(12, "0")}`;
        if (rng() < 0.4) alive.delete(id);
        else if (!alive.has(id)) {
          alive.add(id);
          order.add(id);
        }
      }
      const start = rng() < 0.3 ? undefined : Math.floor(rng() * 300);
      const seen = [...order.from(start, (id) => alive.has(id))].filter((id) => alive.has(id));
      const expected = [...alive].sort(compareIds).filter((id) => start === undefined || compareIds(id, start) >= 0);
      expect(seen, `seed ${seed}, round ${round}`).toEqual(expected);
    }
  });
});

it("TopK keeps what sorting everything would", () => {
  const seed = 11;
  const rng = seededRng(seed);
  for (const k of [0, 1, 7, 100, 1000]) {
    const ranks = Array.from({ length: 500 }, () => Math.floor(rng() * 50));
    const top = new TopK(k);
    for (const [label, rank] of ranks.entries()) top.offer(label, rank);
    const expected = [...ranks.keys()].sort((a, b) => ranks[b]! - ranks[a]! || a - b).slice(0, k);
    expect([...top.labels.subarray(0, top.length)], `seed ${seed}, k ${k}`).toEqual(expected);
  }
});

describe("with_payload", () => {
  const payload = { a: 1, b: { c: 2, d: 3 }, list: [{ x: 1, y: 2 }, { x: 3 }] };
  it.each<[unknown, unknown]>([
    [["a"], { a: 1 }],
    [["b.c", "missing"], { b: { c: 2 } }],
    [{ include: ["list[].x"] }, { list: [{ x: 1 }, { x: 3 }] }],
    [{ exclude: ["b", "list[].y"] }, { a: 1, list: [{ x: 1 }, { x: 3 }] }],
    [{ exclude: [] }, payload],
    [[], {}],
  ])("%j", (selector, expected) => {
    const select = parseWithPayload(selector, false);
    expect(typeof select === "function" && select(payload)).toEqual(expected);
  });
  it("is boolean, or its default", () => {
    expect([true, false, undefined, null].map((value) => parseWithPayload(value, true))).toEqual(["all", "none", "all", "all"]);
    expect(() => parseWithPayload({ includes: [] }, true)).toThrow(/with_payload/);
  });
});
