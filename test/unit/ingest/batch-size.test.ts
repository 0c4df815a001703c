import { describe, expect, it } from "vitest";
import { initialSizing, nextBatchSizing, type BatchSizing, type WriteObservation } from "../../../src/ingest/steps/batch-size.ts";
import { seededRng } from "../../../src/runtime.ts";

const limits = { min: 8, max: 1000, slowUs: 1_000_000 };
const start = (size: number, more: Partial<BatchSizing> = {}): BatchSizing => ({ ...initialSizing(limits, size), ...more });
const ok = (records: number, elapsedUs: number): WriteObservation => ({ records, elapsedUs, outcome: "ok" });

/** A cluster with a fixed price a write and a price a record. */
const priced = (fixedUs: number, perRecordUs: number) => (size: number) => fixedUs + perRecordUs * size;

function run(sizing: BatchSizing, writes: number, cost: (size: number) => number): BatchSizing {
  let now = sizing;
  for (let at = 0; at < writes; at++) now = nextBatchSizing(now, ok(now.size, cost(now.size)), limits);
  return now;
}

describe("one observation", () => {
  it.each<[string, BatchSizing, WriteObservation, { size: number; ceiling: number }]>([
    [
      "413 halves what was refused, for ever",
      start(256),
      { records: 256, elapsedUs: 1, outcome: "too-large" },
      { size: 128, ceiling: 128 },
    ],
    [
      "413 of a smaller one lowers further",
      start(256),
      { records: 100, elapsedUs: 1, outcome: "too-large" },
      { size: 50, ceiling: 50 },
    ],
    ["413 never goes below the least", start(8), { records: 9, elapsedUs: 1, outcome: "too-large" }, { size: 8, ceiling: 8 }],
    ["429 halves", start(256), { records: 256, elapsedUs: 1, outcome: "throttled" }, { size: 128, ceiling: 1000 }],
    [
      "429 of a write that began before the last cut counts once",
      start(128),
      { records: 256, elapsedUs: 1, outcome: "throttled" },
      { size: 128, ceiling: 1000 },
    ],
    [
      "a failure says nothing of sizes",
      start(256),
      { records: 256, elapsedUs: 9e9, outcome: "failed" },
      { size: 256, ceiling: 1000 },
    ],
    ["a small rest says nothing", start(256), ok(10, 9e9), { size: 256, ceiling: 1000 }],
  ])("%s", (_name, sizing, seen, expected) => {
    expect(nextBatchSizing(sizing, seen, limits)).toMatchObject(expected);
  });
});

describe("over many writes", () => {
  it("grows while a fixed price is spread over more records, and stops at the limit", () => {
    expect(run(start(64), 400, priced(200_000, 10)).size).toBe(1000);
  });

  it("goes back where growth does not pay", () => {
    const sizing = run(start(64), 13, priced(0, 100));
    expect([sizing.size, sizing.hold > 0]).toEqual([64, true]);
  });

  it("tries again after a while: what did not pay then may pay now", () => {
    const held = run(start(64), 13, priced(0, 100));
    expect(run(held, 600, priced(500_000, 10)).size).toBeGreaterThan(300);
  });

  it("shrinks while writes are slow, whatever their throughput", () => {
    const sizing = run(start(800), 200, priced(0, 5000));
    expect(sizing.size * 5000).toBeLessThan(limits.slowUs);
    expect(sizing.size).toBeGreaterThan(50);
  });

  it("stays within its limits, and below what was refused, whatever happens", () => {
    const seed = 20_260_731;
    const rng = seededRng(seed);
    const outcomes = ["ok", "ok", "ok", "ok", "ok", "ok", "throttled", "too-large", "failed"] as const;
    for (let round = 0; round < 200; round++) {
      let sizing = start(8 + Math.floor(rng() * 900));
      let ceiling = limits.max;
      for (let at = 0; at < 200; at++) {
        const outcome = outcomes[Math.floor(rng() * outcomes.length)]!;
        const records = Math.max(1, Math.floor(sizing.size * (0.5 + rng())));
        sizing = nextBatchSizing(sizing, { records, elapsedUs: rng() * 3e6, outcome }, limits);
        if (outcome === "too-large") ceiling = Math.min(ceiling, Math.max(limits.min, Math.floor(records / 2)));
        expect(sizing.size, `seed ${seed}`).toBeLessThanOrEqual(Math.max(limits.min, ceiling));
        expect(sizing.size, `seed ${seed}`).toBeGreaterThanOrEqual(limits.min);
      }
    }
  });
});
