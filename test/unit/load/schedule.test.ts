import { describe, expect, test } from "vitest";
import { constantRate } from "../../../src/load/schedules/constant.ts";
import { firstDueAt, windowOf } from "../../../src/load/schedules/index.ts";

describe("constant arrival rate", () => {
  test.each([
    // rate, warm-up s, duration s → in all, and when some are due (µs)
    { rate: 500, warmup: 0, duration: 10, total: 5000, due: { 0: 0, 1: 2000, 4999: 9_998_000 } },
    { rate: 500, warmup: 2, duration: 10, total: 6000, due: { 999: 1_998_000, 1000: 2_000_000, 1001: 2_002_000 } },
    { rate: 3, warmup: 1, duration: 1, total: 6, due: { 1: 1e6 / 3, 3: 1e6, 5: 1e6 + 2e6 / 3 } },
    { rate: 0.5, warmup: 0, duration: 1, total: 1, due: { 0: 0 } },
    { rate: 0.5, warmup: 0, duration: 10, total: 5, due: { 1: 2e6, 4: 8e6 } },
  ])("$rate/s for $duration s after $warmup s", ({ rate, warmup, duration, total, due }) => {
    const schedule = constantRate({ ratePerSec: rate, warmupUs: warmup * 1e6, durationUs: duration * 1e6 });
    expect(schedule.total).toBe(total);
    for (const [index, us] of Object.entries(due)) expect(schedule.intendedUs(Number(index))).toBeCloseTo(us, 6);
  });

  test("does not drift: the last of ten million is due to the microsecond", () => {
    const schedule = constantRate({ ratePerSec: 30_000, warmupUs: 0, durationUs: 1e6 * (10_000_000 / 30_000) });
    expect(schedule.total).toBe(10_000_000);
    expect(Math.abs(schedule.intendedUs(9_999_999) - (9_999_999 / 30_000) * 1e6)).toBeLessThan(0.01);
  });

  test("windows and counts by time", () => {
    const schedule = constantRate({ ratePerSec: 100, warmupUs: 500_000, durationUs: 2_500_000 });
    expect(windowOf(schedule, 499_999)).toBe(-1);
    expect(windowOf(schedule, 500_000)).toBe(0);
    expect(windowOf(schedule, 2_999_999)).toBe(24);
    expect(firstDueAt(schedule, 0)).toBe(0);
    expect(firstDueAt(schedule, 1)).toBe(1);
    expect(firstDueAt(schedule, 500_000)).toBe(50);
    expect(firstDueAt(schedule, 1e9)).toBe(schedule.total);
  });
});
