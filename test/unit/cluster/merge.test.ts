import { describe, expect, test } from "vitest";
import { mergeHits } from "../../../src/cluster/merge.ts";
import { VersionClock, versionTimeMs } from "../../../src/cluster/version.ts";
import { field } from "../../../src/sharding/index.ts";

const hit = (id: number, score: number, version = 1, position = 0) => ({
  id,
  score,
  payload: { [field.version]: version, [field.hash]: position },
});
const everybody = () => true;
const at = (payload?: Record<string, unknown>) => {
  const position = payload?.[field.hash];
  return typeof position === "number" ? { position } : undefined;
};
const ids = (merged: { hits: { id: number | string }[] }) => merged.hits.map(({ id }) => id);

describe("mergeHits", () => {
  test("one of each point, best first, k of them", () => {
    const answers = [
      { node: 0, k: 3, hits: [hit(1, 0.9), hit(2, 0.8), hit(3, 0.1)] },
      { node: 1, k: 3, hits: [hit(1, 0.9), hit(4, 0.85)] },
    ];
    expect(ids(mergeHits(answers, 3, "Cosine", at, everybody))).toEqual([1, 4, 2]);
  });

  test("for a distance, less is better", () => {
    const answers = [
      { node: 0, k: 2, hits: [hit(1, 0.1), hit(2, 0.5)] },
      { node: 1, k: 2, hits: [hit(3, 0.2)] },
    ];
    expect(ids(mergeHits(answers, 2, "Euclid", at, everybody))).toEqual([1, 3]);
  });

  test("the highest version stays, even where it scores worse", () => {
    const answers = [
      { node: 0, k: 2, hits: [hit(1, 0.9, 5)] },
      { node: 1, k: 2, hits: [hit(2, 0.6), hit(1, 0.2, 6)] },
    ];
    const merged = mergeHits(answers, 2, "Dot", at, everybody);
    expect(merged.hits.map(({ id, score }) => [id, score])).toEqual([
      [2, 0.6],
      [1, 0.2],
    ]);
    expect(merged.highestVersion).toBe(6);
  });

  test("hits of nodes that do not own them go; the node is asked deeper only if it could have had better ones", () => {
    const serves = (node: number, position: number) => node === position;
    const full = { node: 0, k: 2, hits: [hit(1, 0.9, 1, 1), hit(2, 0.8, 1, 0)] };
    const enough = { node: 1, k: 2, hits: [hit(3, 0.85, 1, 1), hit(4, 0.82, 1, 1)] };
    const few = { node: 1, k: 2, hits: [hit(3, 0.5, 1, 1)] };
    expect(mergeHits([full, enough], 2, "Cosine", at, serves)).toMatchObject({ askDeeper: [] });
    const merged = mergeHits([full, few], 2, "Cosine", at, serves);
    expect(ids(merged)).toEqual([2, 3]);
    expect(merged.askDeeper).toEqual([0]);
    // It gave fewer than it was asked for: there are no more.
    expect(mergeHits([{ ...full, k: 3 }, few], 2, "Cosine", at, serves).askDeeper).toEqual([]);
  });
});

test("versions are above the clock, above each other, and above any seen", () => {
  let nowMs = 1000;
  const clock = new VersionClock(() => nowMs);
  expect([clock.next(), clock.next()]).toEqual([4_096_000, 4_096_001]);
  clock.saw(5_000_000);
  expect(clock.next()).toBe(5_000_001);
  clock.saw(4_999_999);
  nowMs = 2000.7;
  expect(clock.next()).toBe(8_192_000);
  expect(versionTimeMs(8_192_000)).toBe(2000);
});
