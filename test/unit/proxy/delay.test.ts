import { describe, expect, test } from "vitest";
import { sampleDelayMs, type DelaySpec } from "../../../src/proxy/delay.ts";
import { seededRng } from "../../../src/runtime.ts";

const seed = 20_261_120;
const samplesOf = (spec: DelaySpec, count = 40_000): number[] => {
  const rng = seededRng(seed);
  return Array.from({ length: count }, () => sampleDelayMs(spec, rng)).toSorted((a, b) => a - b);
};
const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const deviation = (values: number[]) => {
  const center = mean(values);
  return Math.sqrt(mean(values.map((value) => (value - center) ** 2)));
};

test.each(["uniform", "normal", "pareto"] as const)("%s without jitter is the delay itself", (distribution) => {
  expect(sampleDelayMs({ delayMs: 300, jitterMs: 0, distribution }, () => 0.123)).toBe(300);
});

describe.each([
  { distribution: "uniform", deviationMs: 50 / Math.sqrt(3), min: 250, max: 350 },
  { distribution: "normal", deviationMs: 50, min: 0, max: 600 },
  { distribution: "pareto", deviationMs: 50, min: 300 - (0.5 / 0.866) * 50 - 0.01, max: Number.POSITIVE_INFINITY },
] as const)("$distribution, 300 ms ± 50 ms", ({ distribution, deviationMs, min, max }) => {
  const samples = samplesOf({ delayMs: 300, jitterMs: 50, distribution });
  test(`its mean is the delay (seed ${seed})`, () => {
    expect(Math.abs(mean(samples) - 300)).toBeLessThan(2);
  });
  test("its spread is what was asked for", () => {
    // The tail of a Pareto distribution converges slowly.
    expect(Math.abs(deviation(samples) / deviationMs - 1)).toBeLessThan(distribution === "pareto" ? 0.25 : 0.02);
  });
  test("it keeps to its bounds", () => {
    expect(samples[0]).toBeGreaterThanOrEqual(min);
    expect(samples.at(-1)).toBeLessThanOrEqual(max);
  });
});

test("pareto is late more often than early by far", () => {
  const samples = samplesOf({ delayMs: 300, jitterMs: 50, distribution: "pareto" });
  expect(samples[Math.floor(samples.length * 0.999)]! - 300).toBeGreaterThan(400);
});

test("never negative", () => {
  expect(samplesOf({ delayMs: 5, jitterMs: 50, distribution: "normal" })[0]).toBe(0);
});
