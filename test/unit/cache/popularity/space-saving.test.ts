import { describe, expect, test } from "vitest";
import { SpaceSaving } from "../../../../src/cache/popularity/space-saving.ts";
import { hitRatioOfPopularity } from "../../../../src/cache/sizing/popularity.ts";
import { seededRng } from "../../../../src/runtime.ts";
import { zipf } from "../../../helpers/traces.ts";
import { directLruMisses } from "../sizing/direct.ts";

const seed = 31;

function counted(keys: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}

/** What holds of every sketch, whatever it saw. */
function expectBounds(sketch: SpaceSaving, truth: Map<string, number>, capacity: number): void {
  const total = [...truth.values()].reduce((sum, count) => sum + count, 0);
  expect(sketch.references).toBe(total);
  const held = sketch.top(capacity);
  expect(held.length).toBeLessThanOrEqual(capacity);
  for (const { key, count, error } of held) {
    expect(count, key).toBeGreaterThanOrEqual(truth.get(key) ?? 0);
    expect(count - error, key).toBeLessThanOrEqual(truth.get(key) ?? 0);
    expect(error).toBeLessThanOrEqual(total / capacity);
  }
  const names = new Set(held.map(({ key }) => key));
  for (const [key, count] of truth) if (count > total / capacity) expect(names.has(key), key).toBe(true);
}

describe("Space-Saving", () => {
  test("counts exactly as long as everything fits", () => {
    const sketch = new SpaceSaving(3);
    for (const key of ["a", "b", "a", "c", "a", "b"]) sketch.add(key);
    expect(sketch.top(2)).toEqual([
      { key: "a", count: 3, error: 0 },
      { key: "b", count: 2, error: 0 },
    ]);
  });

  test("a newcomer takes the place of the least, and its count as an error", () => {
    const sketch = new SpaceSaving(2);
    for (const key of ["a", "a", "a", "b", "b", "c"]) sketch.add(key);
    expect(sketch.top(5)).toEqual([
      { key: "a", count: 3, error: 0 },
      { key: "c", count: 3, error: 2 },
    ]);
  });

  test.each([0.6, 0.9, 1.2])("its bounds hold for Zipf %f, and the hottest keys are found", (alpha) => {
    const draw = zipf(5000, alpha, seededRng(seed));
    const keys = Array.from({ length: 50_000 }, () => `key:${draw()}`);
    const sketch = new SpaceSaving(400);
    for (const key of keys) sketch.add(key);
    const truth = counted(keys);
    expectBounds(sketch, truth, 400);
    if (alpha > 0.8) {
      const hottest = [...truth].toSorted((a, b) => b[1] - a[1]).slice(0, 10);
      expect(new Set(sketch.top(10).map(({ key }) => key))).toEqual(new Set(hottest.map(([key]) => key)));
    }
  });

  test("weights count as so many references", () => {
    const [once, often] = [new SpaceSaving(50), new SpaceSaving(50)];
    for (let i = 0; i < 200; i++) {
      once.add(`${i % 20}`, 3);
      for (let time = 0; time < 3; time++) often.add(`${i % 20}`);
    }
    expect(once.snapshot()).toEqual(often.snapshot());
  });

  test("two that are merged keep their bounds over both streams", () => {
    const rng = seededRng(seed);
    const draws = [zipf(3000, 1, rng), zipf(3000, 0.8, rng)] as const;
    const streams = draws.map((draw, part) => Array.from({ length: 20_000 }, () => `key:${draw() + part * 500}`));
    const [a, b] = streams.map((keys) => {
      const sketch = new SpaceSaving(300);
      for (const key of keys) sketch.add(key);
      return sketch;
    });
    a!.merge(b!);
    const truth = counted(streams.flat());
    for (const { key, count, error } of a!.top(300)) {
      expect(count, key).toBeGreaterThanOrEqual(truth.get(key)!);
      expect(count - error, key).toBeLessThanOrEqual(truth.get(key)!);
    }
    // And it goes on as one.
    for (let i = 0; i < 100_000; i++) a!.add("new");
    expect(a!.top(1)[0]!.key).toBe("new");
    expect(a!.references).toBe(140_000);
  });
});

test("popularity alone gives the hit ratio of a cache that has run for long (Che's approximation)", () => {
  const draw = zipf(2000, 0.9, seededRng(seed));
  const keys = Array.from({ length: 200_000 }, draw);
  const sketch = new SpaceSaving(2000);
  for (const key of keys) sketch.add(String(key));
  for (const size of [20, 200, 1000]) {
    const misses = directLruMisses(keys, { size }).slice(50_000);
    const measured = 1 - misses.filter(Boolean).length / misses.length;
    expect(Math.abs(hitRatioOfPopularity(sketch.snapshot(), size) - measured), `${size} entries`).toBeLessThan(0.01);
  }
  expect(hitRatioOfPopularity(sketch.snapshot(), 2000)).toBeCloseTo(1, 6);
  expect(hitRatioOfPopularity({ keys: [], references: 10 }, 5)).toBe(0);
});
