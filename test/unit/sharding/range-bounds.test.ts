import { beforeAll, describe, expect, test } from "vitest";
import { loadHashes } from "../../../src/sharding/hash.ts";
import { createPlacement } from "../../../src/sharding/placement.ts";
import { changedLayout } from "../../../src/sharding/plan/layout.ts";
import type { Layout } from "../../../src/sharding/plan/contract.ts";
import { changedBounds } from "../../../src/sharding/range.ts";

beforeAll(loadHashes);

const members = ["a", "b", "c", "d", "e"];
const place = (bounds: number[]) =>
  createPlacement({ partitioner: { kind: "range", hash: "xxh32", bounds }, members: members.map((id) => ({ id })), replicas: 2 });

describe("changedBounds", () => {
  test.each([
    { what: "a split", bounds: [10, 20], change: { split: [15] }, after: [10, 15, 20] },
    { what: "a split of the last, unbounded range", bounds: [10], change: { split: [99] }, after: [10, 99] },
    { what: "the first split of all", bounds: [], change: { split: [7] }, after: [7] },
    { what: "a merge", bounds: [10, 20], change: { merge: [10] }, after: [20] },
    { what: "both at once", bounds: [10, 20], change: { split: [5], merge: [20] }, after: [5, 10] },
    { what: "nothing", bounds: [10, 20], change: {}, after: [10, 20] },
  ])("$what", ({ bounds, change, after }) => expect(changedBounds(bounds, change)).toEqual({ bounds: after, problems: [] }));

  test("what makes no sense is told, all of it", () => {
    const { problems } = changedBounds([10, 20], { split: [10, 0], merge: [11] });
    expect(problems).toEqual([
      { path: "--split", message: "10 is a bound already" },
      { path: "--split", message: "0 splits nothing: the first range begins at 0" },
      { path: "--merge", message: "11 is no bound: 10, 20" },
    ]);
  });
});

test("a split leaves the first half, and every other range, where it was; the merge of the two undoes it", () => {
  const bounds = Array.from({ length: 20 }, (_, index) => (index + 1) * 1000);
  const before = place(bounds);
  const split = place(changedBounds(bounds, { split: [7500] }).bounds);
  for (let key = 0; key < 25_000; key += 250)
    if (key < 7500 || key >= 8000) expect([key, split.ownersOfHash(key)]).toEqual([key, before.ownersOfHash(key)]);
  expect(
    changedBounds(
      [...bounds, 7500].sort((a, b) => a - b),
      { merge: [7500] },
    ).bounds,
  ).toEqual(bounds);
});

test("a plan's layout takes them, of a range partitioner alone", () => {
  const nodes = Object.fromEntries(members.map((id) => [id, { url: "", weight: 1 }]));
  const layout = (partitioner: Layout["partitioner"]): Layout => ({ partitioner, replicas: 2, members, nodes });
  const none = { add: [], remove: [] };
  expect(changedLayout(layout({ kind: "range", hash: "xxh32", bounds: [10] }), { ...none, split: [5] }).partitioner).toEqual({
    kind: "range",
    hash: "xxh32",
    bounds: [5, 10],
  });
  expect(() => changedLayout(layout({ kind: "ring", hash: "xxh32", virtualNodes: 150 }), { ...none, split: [5] })).toThrow(
    "--split: is of ranges; this collection is placed by ring",
  );
});
