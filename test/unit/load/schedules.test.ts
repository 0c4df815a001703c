import { describe, expect, test } from "vitest";
import type { ScheduleSpec } from "../../../src/load/contract.ts";
import { buildSchedule } from "../../../src/load/schedules/index.ts";

const second = 1e6;
const ramp = (startRatePerSec: number, stages: [seconds: number, target: number][], warmupUs = 0): ScheduleSpec => ({
  kind: "ramping-arrival-rate",
  startRatePerSec,
  stages: stages.map(([seconds, targetPerSec]) => ({ durationUs: seconds * second, targetPerSec })),
  warmupUs,
  durationUs: stages.reduce((sum, [seconds]) => sum + seconds * second, 0),
});

describe("ramping arrival rate", () => {
  test.each([
    [
      "from 0 to 10/s in 10 s: 50 in all, at √(2i ÷ a)",
      ramp(0, [[10, 10]]),
      50,
      [
        [0, 0],
        [2, 2],
        [8, 4],
        [32, 8],
      ],
    ],
    [
      "a constant stretch is a constant rate",
      ramp(4, [[5, 4]]),
      20,
      [
        [0, 0],
        [1, 0.25],
        [19, 4.75],
      ],
    ],
    [
      "down from 10/s to 0 in 10 s: the other way round",
      ramp(10, [[10, 0]]),
      50,
      [
        [0, 0],
        [18, 2],
        [42, 6],
      ],
    ],
    [
      "a jump",
      ramp(1, [
        [2, 1],
        [0, 10],
        [1, 10],
      ]),
      12,
      [
        [0, 0],
        [1, 1],
        [2, 2],
        [3, 2.1],
        [11, 2.9],
      ],
    ],
    [
      "a pause: nothing is due while the rate is zero",
      ramp(2, [
        [1, 2],
        [0, 0],
        [5, 0],
        [0, 2],
        [1, 2],
      ]),
      4,
      [
        [0, 0],
        [1, 0.5],
        [2, 6],
        [3, 6.5],
      ],
    ],
  ] as [string, ScheduleSpec, number, [number, number][]][])("%s", (_, spec, total, due) => {
    const schedule = buildSchedule(spec);
    expect(schedule.total).toBe(total);
    for (const [index, seconds] of due) expect(schedule.intendedUs(index) / second).toBeCloseTo(seconds, 6);
  });

  test("never decreasing, and N(t) matches the integral everywhere", () => {
    const schedule = buildSchedule(
      ramp(
        3,
        [
          [2, 40],
          [1, 7],
          [0, 90],
          [3, 0.5],
        ],
        500_000,
      ),
    );
    const rateAt = (t: number) => (t < 2 ? 3 + (37 * t) / 2 : t < 3 ? 40 - 33 * (t - 2) : 90 - (89.5 * (t - 3)) / 3);
    const warm = Math.round(0.5 * 3);
    let last = -1;
    let integral = 0;
    let t = 0;
    for (let index = 0; index < schedule.total; index++) {
      const at = schedule.intendedUs(index);
      expect(at).toBeGreaterThanOrEqual(last);
      last = at;
      if (index < warm) continue;
      const until = (at - 500_000) / second;
      for (; t < until; t += 1e-4) integral += rateAt(t) * 1e-4;
      expect(Math.abs(integral - (index - warm))).toBeLessThan(0.05);
    }
    expect(last).toBeLessThanOrEqual(schedule.endUs);
  });
});

describe("poisson", () => {
  const spec = (seed: number, ratePerSec = 200): ScheduleSpec => ({
    kind: "poisson",
    ratePerSec,
    seed,
    warmupUs: 0,
    durationUs: 100 * second,
  });

  test("gaps are exponential: their mean and spread are 1 ÷ rate, and ages are memoryless", () => {
    const schedule = buildSchedule(spec(11));
    const { total } = schedule;
    // 20,000 expected, standard deviation 141.
    expect(Math.abs(total - 20_000)).toBeLessThan(700);
    const gaps = Array.from({ length: total - 1 }, (_, i) => schedule.intendedUs(i + 1) - schedule.intendedUs(i));
    const mean = gaps.reduce((a, b) => a + b) / gaps.length;
    const deviation = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length);
    expect(Math.abs(mean - 5000)).toBeLessThan(200);
    expect(Math.abs(deviation / mean - 1)).toBeLessThan(0.05);
    const longer = gaps.filter((gap) => gap > 5000).length / gaps.length;
    expect(Math.abs(longer - Math.exp(-1))).toBeLessThan(0.02);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(0);
  });

  test("a pure function of seed and index, in any order", () => {
    const [a, b] = [buildSchedule(spec(5)), buildSchedule(spec(5))];
    const indexes = [9000, 3, 15_000, 4, 9001, 0];
    expect(indexes.map((index) => a.intendedUs(index))).toEqual(
      indexes
        .toReversed()
        .map((index) => b.intendedUs(index))
        .toReversed(),
    );
    expect(buildSchedule(spec(6)).intendedUs(10)).not.toBe(a.intendedUs(10));
  });

  test("a rate so low that nothing may be due", () => {
    const schedule = buildSchedule({ ...spec(1, 1e-6), durationUs: second });
    expect(schedule.total).toBe(0);
  });
});

test("replay: the log's own times, cut at the duration", () => {
  const offsets = new SharedArrayBuffer(32);
  new Float64Array(offsets).set([0, 10, 10, 500]);
  const schedule = buildSchedule({ kind: "replay", offsets, speed: 2, warmupUs: 1000, durationUs: 100 });
  expect(schedule.total).toBe(3);
  expect([0, 1, 2].map((index) => schedule.intendedUs(index))).toEqual([1000, 1010, 1010]);
});

test("a scenario that starts later has no warm-up of its own, and its times after the run's", () => {
  const schedule = buildSchedule({
    kind: "constant-arrival-rate",
    ratePerSec: 10,
    warmupUs: 2 * second,
    startUs: 3 * second,
    durationUs: second,
  });
  expect(schedule).toMatchObject({ total: 10, warmupUs: 2 * second, endUs: 6 * second });
  expect(schedule.intendedUs(0)).toBe(5 * second);
  expect(schedule.intendedUs(9)).toBe(5.9 * second);
});
