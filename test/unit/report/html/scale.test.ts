import { describe, expect, test } from "vitest";
import { axisCount, axisDuration, clockTime, quantileName } from "../../../../src/report/html/figures.ts";
import { linearScale, logScale, logTicks, niceTicks, spread, timeTicks } from "../../../../src/report/html/scale.ts";
import { seededRng } from "../../../../src/runtime.ts";

test.each([
  [7, 5, [0, 2, 4, 6, 8]],
  [100, 5, [0, 20, 40, 60, 80, 100]],
  [0.3, 3, [0, 0.1, 0.2, 0.3]],
  [1, 3, [0, 0.5, 1]],
  [0, 3, [0, 1]],
])("linear axis up to %d in about %d steps", (max, count, ticks) => {
  expect(niceTicks(max, count)).toEqual(ticks);
});

test.each([
  [1000, 9000, [1000, 2000, 5000, 10_000]],
  [1100, 102_000, [1000, 3000, 10_000, 30_000, 100_000, 300_000]],
  [90, 3_000_000, [10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000]],
  [1000, 1000, [1000, 10_000]],
])("logarithmic axis from %d to %d", (min, max, ticks) => {
  expect(logTicks(min, max)).toEqual(ticks);
});

test("every axis holds its values, and has a few ticks", () => {
  const seed = 11;
  const rng = seededRng(seed);
  for (let round = 0; round < 2000; round++) {
    const min = 10 ** (rng() * 7);
    const max = min * 10 ** (rng() * 5);
    const message = `seed ${seed}, round ${round}: ${min} to ${max}`;
    for (const ticks of [logTicks(min, max), niceTicks(max, 5)]) {
      expect(ticks[0], message).toBeLessThanOrEqual(min * 1.001);
      expect(ticks.at(-1), message).toBeGreaterThanOrEqual(max * 0.999);
      expect(ticks.length, message).toBeGreaterThan(1);
      expect(ticks.length, message).toBeLessThan(12);
    }
  }
});

test("scales map their ends to the pixels' ends, and stay within", () => {
  const linear = linearScale(0, 10, [100, 0], []);
  expect([linear(0), linear(5), linear(10), linear(99), linear(-1)]).toEqual([100, 50, 0, 0, 100]);
  const log = logScale(1, 1000, [0, 300], []);
  expect([log(1), log(10), log(1000), log(0), log(1e9)].map(Math.round)).toEqual([0, 100, 300, 0, 300]);
});

test.each([
  [10, 10, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]],
  [60, 4, [0, 15, 30, 45, 60]],
  [7200, 4, [0, 1800, 3600, 5400, 7200]],
])("time axis of %d s, at most %d steps", (seconds, most, ticks) => {
  expect(timeTicks(seconds, most)).toEqual(ticks);
});

describe("labels are moved apart", () => {
  test("no more than it takes", () => {
    expect(spread([10, 50, 90], 12, [0, 100])).toEqual([10, 50, 90]);
    expect(spread([50, 51], 12, [0, 100])).toEqual([50, 62]);
    expect(spread([51, 50], 12, [0, 100])).toEqual([62, 50]);
    expect(spread([98, 99, 100], 12, [0, 100])).toEqual([76, 88, 100]);
  });
});

test("figures of axes", () => {
  expect([0, 500, 1000, 2500, 10_000_000].map(axisDuration)).toEqual(["0", "500 µs", "1 ms", "2.5 ms", "10 s"]);
  expect([0, 0.5, 200, 20_000, 3e6].map(axisCount)).toEqual(["0", "0.5", "200", "20k", "3M"]);
  expect([0, 61, 3723].map(clockTime)).toEqual(["0:00", "1:01", "1:02:03"]);
  expect([0.5, 0.999, 0.9999, 1].map(quantileName)).toEqual(["p50", "p99.9", "p99.99", "max"]);
});
