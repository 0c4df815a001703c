import { describe, expect, test } from "vitest";
import { otherId, spoilHits } from "../../../src/proxy/hits.ts";
import { seededRng } from "../../../src/runtime.ts";

const never = { dropRatio: 0, wrongIdRatio: 0 };
const hit = (id: unknown) => ({ id, score: 0.5, payload: { text: "t" } });

describe("lists of hits, wherever they stand", () => {
  test.each([
    ["a query", { result: { points: [hit(1), hit(2)] }, status: "ok" }, { result: { points: [] }, status: "ok" }],
    ["a search", { result: [hit(1)] }, { result: [] }],
    ["a batch", { result: [{ points: [hit(1)] }, { points: [hit(2)] }] }, { result: [{ points: [] }, { points: [] }] }],
    ["by distance", { data: [{ id: 1, distance: 2 }] }, { data: [] }],
  ])("%s", (_name, before, after) => {
    expect(JSON.parse(spoilHits(JSON.stringify(before), { ...never, dropRatio: 1 }, () => 0)!)).toEqual(after);
  });
});

test.each([
  ["points without a score, as of a scroll", '{"result":{"points":[{"id":1,"payload":{}}]}}'],
  ["nothing found", '{"result":[]}'],
  ["no JSON", "<html>"],
  ["half of it", '{"result":[{"id":1,"score":'],
])("left alone: %s", (_name, text) => {
  expect(spoilHits(text, { dropRatio: 1, wrongIdRatio: 1 }, () => 0)).toBeUndefined();
});

test("the share that was asked for, in order", () => {
  const seed = 3;
  const text = JSON.stringify({ result: Array.from({ length: 4_000 }, (_, id) => hit(id)) });
  const { result } = JSON.parse(spoilHits(text, { ...never, dropRatio: 0.25 }, seededRng(seed))!) as { result: { id: number }[] };
  expect(Math.abs(result.length / 4_000 - 0.75), `seed ${seed}`).toBeLessThan(0.03);
  expect(result.map(({ id }) => id)).toEqual(result.map(({ id }) => id).toSorted((a, b) => a - b));
});

describe("other ids", () => {
  test.each([
    [7, 1_000_000_014],
    ["5c56c793-69f3-4fbf-87e6-c4bf54c28c26", "c3cd3e0a-69f3-4fbf-87e6-c4bf54c28c26"],
    ["doc-1", "doc-1-wrong"],
  ])("%s becomes %s", (id, other) => {
    expect(otherId(id)).toBe(other);
  });
  test("integers beyond 2^53 keep their digits, those of other fields too", () => {
    const text = '{"result":[{"id":9223372036854775807,"score":1,"n":9007199254740993}]}';
    expect(spoilHits(text, never, () => 0)).toBe(text);
    expect(spoilHits(text, { ...never, wrongIdRatio: 1 }, () => 0)).toContain('"id":9223372037854775814');
  });
});
