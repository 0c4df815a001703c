import { describe, expect, test } from "vitest";
import { audit, auditLimits, type AuditInput } from "../../../src/load/audit.ts";
import { designEffect, quantileRanks } from "../../../src/load/statistics/quantile-interval.ts";
import { seededRng } from "../../../src/runtime.ts";
import { normal } from "../../helpers/sim-queue.ts";

describe("the interval of a percentile", () => {
  test.each([
    [0.5, 100],
    [0.5, 1000],
    [0.99, 2000],
    [0.95, 400],
  ])("of quantile %d among %d samples holds the true one about 95 times in 100", (q, n) => {
    const seed = 11;
    const rng = seededRng(seed);
    const { low, high } = quantileRanks(q, n)!;
    let held = 0;
    const trials = 2000;
    for (let trial = 0; trial < trials; trial++) {
      // Uniform: the true quantile is q, and rank r holds it when at least r samples are below.
      let below = 0;
      for (let i = 0; i < n; i++) if (rng() < q) below++;
      if (low <= below && below < high) held++;
    }
    expect(held / trials, `seed ${seed}`).toBeGreaterThan(0.94);
    expect(held / trials, `seed ${seed}`).toBeLessThan(0.99);
  });

  test("there is none where a rank would lie outside the sample", () => {
    expect(quantileRanks(0.99, 100)).toBeUndefined();
    expect(quantileRanks(0.5, 2)).toBeUndefined();
    expect(quantileRanks(0.99, 10_000)).toBeDefined();
    expect(quantileRanks(0.99, 10_000, 100)).toBeUndefined();
  });

  test("samples that come in bursts count for less: the interval widens with the design effect", () => {
    const rng = seededRng(3);
    const independent = Array.from({ length: 200 }, () => ({ n: 100, below: 90 + Math.round(3 * normal(rng)) }));
    expect(designEffect(independent, 0.9)).toBeLessThan(1.6);
    // Ten windows in a row good, ten bad.
    const bursts = Array.from({ length: 200 }, (_, i) => ({ n: 100, below: Math.floor(i / 10) % 2 ? 100 : 80 }));
    expect(designEffect(bursts, 0.9)).toBeGreaterThan(20);
    const [narrow, wide] = [quantileRanks(0.9, 20_000)!, quantileRanks(0.9, 20_000, designEffect(bursts, 0.9))!];
    expect(wide.low).toBeLessThan(narrow.low);
    expect(wide.high).toBeGreaterThan(narrow.high);
  });
});

describe("self-audit", () => {
  const quiet: AuditInput = {
    workers: [
      {
        busy: 0.3,
        eventLoopDelayUs: { p50: 20, p99: 200, max: 900 },
        connectionsOpened: 8,
        gc: { share: 0.01, longestUs: 900, count: 3 },
      },
    ],
    counts: { scheduled: 100, sent: 100, completed: 100, ok: 100, errors: 0, dropped: 0, unfinished: 0 },
    droppedForSockets: 0,
    scheduleLagP99Us: 40,
    paced: true,
  };
  const worker = (change: object) => ({ ...quiet, workers: [quiet.workers[0]!, { ...quiet.workers[0]!, ...change }] });

  test("a quiet generator has nothing to say", () => expect(audit(quiet)).toEqual([]));

  test.each([
    ["cpu", worker({ busy: 0.85 }), /busy 85.0 %.*--workers/],
    ["event-loop-delay", worker({ eventLoopDelayUs: { p50: 1, p99: 9000, max: 9000 } }), /9\.00 ms late/],
    ["gc-pause", worker({ gc: { share: 0.01, longestUs: 40_000, count: 9 } }), /up to 40\.0 ms/],
    ["gc-share", worker({ gc: { share: 0.1, longestUs: 4000, count: 900 } }), /10\.0 % of a worker's time/],
    ["schedule-lag", { ...quiet, scheduleLagP99Us: 2500 }, /2\.50 ms after they were due/],
    ["sockets", { ...quiet, droppedForSockets: 7 }, /7 operations found no socket: raise ulimit/],
    ["connections", worker({ connectionsOpened: 30_000 }), /run out of ports/],
  ])("%s above its limit: a warning with what to change", (check, input, message) => {
    const warnings = audit(input);
    expect(warnings.map((warning) => warning.check)).toEqual([check]);
    expect(warnings[0]!.message).toMatch(message);
    expect(warnings[0]!.value).toBeGreaterThan(warnings[0]!.limit);
  });

  test("at its limit is not above it; closed loops have no schedule to lag behind", () => {
    expect(audit({ ...quiet, scheduleLagP99Us: auditLimits.scheduleLagUs })).toEqual([]);
    expect(audit({ ...quiet, scheduleLagP99Us: 1e6, paced: false })).toEqual([]);
  });
});
