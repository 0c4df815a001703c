import { describe, expect, test } from "vitest";
import { recordingEstimator } from "../../../../src/cache/sizing/estimate.ts";
import { Recorder } from "../../../../src/cache/sizing/recording.ts";
import { seededRng } from "../../../../src/runtime.ts";
import { driftingTrace, feedSink, zipf } from "../../../helpers/traces.ts";
import { directLfuMisses, directLruMisses, share } from "./direct.ts";

const seed = 23;
const trace = driftingTrace({ references: 8000, keys: 500, alpha: 0.9, phase: 1100 }, seededRng(seed));
const timeUs = (at: number) => at * 20_000;
const bytes = (key: number) => 100 + ((key * 7919) % 900);
const sizes = [1, 2, 5, 17, 60, 200, 499, 600];

function recorded(options: { rate: number; most: number } = { rate: 1, most: Infinity }, keys: ArrayLike<number> = trace) {
  const recorder = new Recorder(options);
  feedSink(recorder, keys, { bytes, timeUs });
  return { recording: recorder.recording(), references: recorder.references };
}

describe("simulated caches equal ones that are written the plain way", () => {
  const { recording, references } = recorded();
  const plain = { ttlUs: Infinity, near: undefined };

  test("LFU", () => {
    const estimate = recordingEstimator(recording, references, { eviction: "lfu", ...plain });
    for (const size of sizes) expect(estimate("entries", size).missRatio).toBeCloseTo(share(directLfuMisses(trace, size)), 12);
  });

  test("LRU with a TTL, in entries and in bytes", () => {
    const ttlUs = 9e6;
    const estimate = recordingEstimator(recording, references, { eviction: "lru", ttlUs, near: undefined });
    for (const size of sizes) {
      const direct = directLruMisses(trace, { size, ttlUs, timeUs });
      expect(estimate("entries", size).missRatio).toBeCloseTo(share(direct), 12);
      const inBytes = directLruMisses(trace, { size: size * 500, bytes, ttlUs, timeUs });
      expect(estimate("bytes", size * 500).missRatio).toBeCloseTo(share(inBytes), 12);
    }
  });

  test("two tiers: the second sees what the first misses, in that order", () => {
    for (const nearTtlUs of [Infinity, 3e6]) {
      const nearMisses = directLruMisses(trace, { size: 40, ttlUs: nearTtlUs, timeUs });
      const behind = [...trace].filter((_, at) => nearMisses[at]);
      const near = { axis: "entries" as const, size: 40, ttlUs: nearTtlUs };
      const estimate = recordingEstimator(recording, references, { eviction: "lru", ttlUs: Infinity, near });
      for (const size of sizes) {
        const found = estimate("entries", size);
        const farMisses = directLruMisses(behind, { size }).filter(Boolean).length;
        expect(found.missRatio).toBeCloseTo(farMisses / references, 12);
        expect(found.nearHitRatio).toBeCloseTo(1 - share(nearMisses), 12);
      }
      const lfu = recordingEstimator(recording, references, { eviction: "lfu", ttlUs: Infinity, near });
      const missed = directLfuMisses(behind, 60).filter(Boolean).length;
      expect(lfu("entries", 60).missRatio).toBeCloseTo(missed / references, 12);
    }
  });
});

describe("from a sample", () => {
  const draw = zipf(40_000, 0.9, seededRng(seed));
  const long = Int32Array.from({ length: 200_000 }, draw);
  const whole = recorded(undefined, long);
  const design = { eviction: "lfu" as const, ttlUs: 600e6, near: undefined };
  const truth = recordingEstimator(whole.recording, whole.references, design);

  test("a miniature simulation is near the whole one, and states its error", () => {
    const errors = [1, 2, 3, 4, 5].map((part) => {
      const recorder = new Recorder({ rate: 0.1, most: Infinity });
      feedSink(recorder, long, { seed: part, bytes, timeUs });
      const estimate = recordingEstimator(recorder.recording(), recorder.references, design);
      const found = [2000, 8000, 20_000].map((size) => estimate("entries", size));
      expect(found.every(({ error }) => error > 0)).toBe(true);
      const off = [2000, 8000, 20_000].map((size, i) => Math.abs(found[i]!.missRatio - truth("entries", size).missRatio));
      return off.reduce((sum, each) => sum + each, 0) / off.length;
    });
    expect(errors.toSorted((a, b) => a - b)[2]).toBeLessThan(0.03);
  });

  test("a recording that grows too long halves its rate, and keeps whole keys", () => {
    const { recording, references } = recorded({ rate: 1, most: 20_000 }, long);
    expect(references).toBe(long.length);
    expect(recording.length).toBeLessThanOrEqual(20_000);
    expect(Math.log2(recording.rate)).toBeCloseTo(Math.round(Math.log2(recording.rate)), 6);
    const direct = recorded({ rate: recording.rate, most: Infinity }, long).recording;
    expect(recording.length).toBe(direct.length);
    expect([...recording.bytes.subarray(0, 1000)]).toEqual([...direct.bytes.subarray(0, 1000)]);
  });
});
