import { describe, expect, test } from "vitest";
import {
  isMeasured,
  newStats,
  observeAnswer,
  observeSlow,
  score,
  startAnew,
  worstFirst,
  type Measured,
} from "../../../src/cluster/balancer.ts";
import { seededRng } from "../../../src/runtime.ts";

const calm: Measured = { latencyUs: 2000, tailUs: 3000, errorRate: 0, inFlight: 0, failures: 0, idleUs: 0 };

describe("score", () => {
  test.each<[string, Partial<Measured>, number]>([
    ["latency, a tenth of the tail, and a floor", {}, 2400],
    ["every request in flight counts once more", { inFlight: 3 }, 9600],
    ["errors", { errorRate: 0.5 }, 12_000],
    ["idle for 10 s: the measurement has faded to 1/e", { idleUs: 10e6 }, 2300 / Math.E + 100],
    ["never measured: only the floor, so that it is tried first", { latencyUs: Number.NaN }, 100],
    ["a failure comes after all that is merely slow", { failures: 1 }, 10_002_400],
    ["a processor at 70 % is no reason yet", { cpu: 0.7 }, 2400],
    ["at 85 % it is twice as bad", { cpu: 0.85 }, 4800],
    ["a full memory is thirty times as bad", { memory: 1 }, 72_000],
  ])("%s", (_, change, expected) => expect(score({ ...calm, ...change })).toBeCloseTo(expected, 6));
});

describe("observeAnswer", () => {
  test("of the first five the least is the mean, and their tail is no tail", () => {
    const stats = newStats();
    stats.failures = 3;
    for (const [index, latencyUs] of [30_000, 9000, 1000, 2000].entries()) observeAnswer(stats, latencyUs, index);
    expect([stats.latencyUs, stats.tailUs, stats.failures, isMeasured(stats)]).toEqual([1000, 0, 0, false]);
    observeAnswer(stats, 3000, 5);
    expect([stats.latencyUs, stats.tailUs, isMeasured(stats)]).toEqual([1000, 0, true]);
  });

  test("later ones pull by how long ago the last was; the tail jumps and fades", () => {
    const stats = newStats();
    for (let i = 0; i < 5; i++) observeAnswer(stats, 1000, 0);
    observeAnswer(stats, 9000, 1000);
    expect(stats.latencyUs).toBeCloseTo(1000 + 0.05 * 8000, 6);
    expect(stats.tailUs).toBe(9000);
    observeAnswer(stats, 1000, 1000 + 5e6);
    expect(stats.latencyUs).toBeCloseTo(1000 + 400 * Math.exp(-5), 6);
    expect(stats.tailUs).toBeCloseTo(9000 / Math.E, 6);
  });

  test("no answer for long is known at once; well again after a failure, nothing is known", () => {
    const stats = newStats();
    observeSlow(stats, 2e6);
    expect([stats.latencyUs, stats.tailUs, isMeasured(stats)]).toEqual([2e6, 2e6, true]);
    startAnew(stats);
    expect([stats.latencyUs, stats.tailUs, stats.failures, isMeasured(stats)]).toEqual([Number.NaN, 0, 0, false]);
  });
});

describe("worstFirst", () => {
  const share = (scores: number[]) => {
    const rng = seededRng(11);
    const first = scores.map(() => 0);
    for (let i = 0; i < 3000; i++) first[worstFirst(scores, rng)[0]!]! += 1 / 3000;
    return first;
  };
  test("like nodes take turns", () => {
    for (const part of share([100, 100, 100])) expect(Math.abs(part - 1 / 3)).toBeLessThan(0.05);
  });
  test.each([
    ["half as slow again: two of three times", 150, 0.63],
    ["three times: nearly always, and still measured now and then", 300, 0.93],
    ["failing: always", 10_000_000, 1],
  ])("one that is %s the first to go", (_, slow, expected) => {
    expect(Math.abs(share([100, slow, 100])[1]! - expected)).toBeLessThan(0.03);
  });
});
