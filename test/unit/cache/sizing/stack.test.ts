import { describe, expect, test } from "vitest";
import { exactEstimator } from "../../../../src/cache/sizing/estimate.ts";
import { KeyTable } from "../../../../src/cache/sizing/key-table.ts";
import { ExactModel } from "../../../../src/cache/sizing/stack-model.ts";
import { logTally } from "../../../../src/cache/sizing/tally.ts";
import { seededRng } from "../../../../src/runtime.ts";
import { driftingTrace, feedSink } from "../../../helpers/traces.ts";
import { directLruMisses, share } from "./direct.ts";

const seed = 11;

function exact(trace: ArrayLike<number>, bytes?: (key: number) => number) {
  const sink = new ExactModel({ weighted: bytes !== undefined });
  feedSink(sink, trace, bytes && { bytes });
  return { model: sink.model, estimate: exactEstimator(sink.model, sink.references) };
}

describe("LRU stack distances", () => {
  test("by hand: a b c a b b d a", () => {
    const { model, estimate } = exact([1, 2, 3, 1, 2, 2, 4, 1]);
    expect(model.keys.size).toBe(4);
    // Distances: a 3, b 3, b 1, a 3; four first references.
    const misses = [0, 1, 2, 3, 4, 5].map((entries) => estimate("entries", entries).missRatio * 8);
    expect(misses).toEqual([8, 7, 7, 4, 4, 4]);
  });

  test("equal a direct simulation at every size, while the line of time is compacted again and again", () => {
    const trace = driftingTrace({ references: 6000, keys: 600, alpha: 0.9, phase: 700 }, seededRng(seed));
    const { model, estimate } = exact(trace);
    const distinct = new Set(trace).size;
    expect(model.keys.size).toBe(distinct);
    for (let entries = 0; entries <= distinct + 1; entries++)
      expect(estimate("entries", entries).missRatio, `${entries} entries, seed ${seed}`).toBeCloseTo(
        share(directLruMisses(trace, { size: entries })),
        12,
      );
  });

  test("in bytes, equal a direct simulation wherever a border of the tally lies, and nearly elsewhere", () => {
    const bytes = (key: number) => 100 + ((key * 7919) % 900);
    const trace = driftingTrace({ references: 6000, keys: 400, alpha: 0.8, phase: 900 }, seededRng(seed));
    const { estimate, model } = exact(trace, bytes);
    expect(model.stack.liveBytes).toBe([...new Set(trace)].reduce((sum, key) => sum + bytes(key), 0));
    for (let size = 1024; size <= 262_144; size *= 2)
      expect(estimate("bytes", size).missRatio, `${size} bytes, seed ${seed}`).toBeCloseTo(
        share(directLruMisses(trace, { size, bytes })),
        12,
      );
    for (let size = 1500; size <= 200_000; size = Math.round(size * 1.17))
      expect(
        Math.abs(estimate("bytes", size).missRatio - share(directLruMisses(trace, { size, bytes }))),
        `${size}`,
      ).toBeLessThan(0.002);
  });
});

test("a tally by logarithm is exact at its borders, and takes part of a bucket between them", () => {
  const tally = logTally(4);
  for (let distance = 1; distance <= 64; distance++) tally.add(distance);
  for (const border of [1, 2, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 32, 40, 64, 1e9])
    expect(tally.upTo(border)).toBe(Math.min(64, border));
  expect(tally.upTo(33)).toBe(33);
  expect(tally.upTo(0.5)).toBe(0);
  tally.scale(0.5);
  expect(tally.upTo(1e12)).toBe(32);
});

test("a key table holds what a Map would, while keys come and go", () => {
  const rng = seededRng(seed);
  const table = new KeyTable();
  const slots = new Map<number, number>();
  for (let step = 0; step < 30_000; step++) {
    // Few different high lanes: chains are long, and wrap.
    const key = Math.floor(rng() * 3000);
    const [low, high] = [key, (key % 97) - 3];
    if (rng() < 0.4 && slots.has(key)) {
      table.remove(slots.get(key)!);
      expect(table.holds(slots.get(key)!)).toBe(false);
      slots.delete(key);
    } else {
      const slot = table.slotOf(low, high);
      expect(table.added).toBe(!slots.has(key));
      if (slots.has(key)) expect(slot).toBe(slots.get(key));
      slots.set(key, slot);
    }
  }
  expect(table.size).toBe(slots.size);
  expect(new Set(slots.values()).size).toBe(slots.size);
  for (const [key, slot] of slots) expect(table.slotOf(key, (key % 97) - 3)).toBe(slot);
});
