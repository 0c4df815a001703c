import { describe, expect, test } from "vitest";
import { dropCauses, type DropCause } from "../../../src/load/contract.ts";
import { blameFullHouse, slowUsOf } from "../../../src/load/drops.ts";
import type { Counts } from "../../../src/load/recorder/recorder.ts";
import { parseThreshold, type ThresholdResult } from "../../../src/load/thresholds.ts";
import { decideVerdict } from "../../../src/load/verdict.ts";

function run(drops: Partial<Record<DropCause, number>> = {}): { counts: Counts; droppedByCause: Record<DropCause, number> } {
  const droppedByCause = {
    ...(Object.fromEntries(dropCauses.map((cause) => [cause, 0])) as Record<DropCause, number>),
    ...drops,
  };
  const dropped = Object.values(droppedByCause).reduce((sum, count) => sum + count, 0);
  const ok = 1000 - dropped;
  return { counts: { scheduled: 1000, sent: ok, completed: ok, ok, errors: 0, dropped, unfinished: 0 }, droppedByCause };
}

function latency(limitMs: number, actualMs: number | null, serviceMs: number | null) {
  const threshold = parseThreshold({ expression: `p99<${limitMs}ms`, source: "flag" });
  const us = (ms: number | null) => (ms === null ? null : ms * 1000);
  const result: ThresholdResult = {
    expression: threshold.expression,
    source: "flag",
    ok: actualMs !== null && actualMs < limitMs,
    actual: us(actualMs),
    actualServiceTime: us(serviceMs),
    unit: "us",
    limit: limitMs * 1000,
    n: 1000,
  };
  return { threshold, result };
}

function errors(actual: number) {
  const threshold = parseThreshold({ expression: "errors<1%", source: "flag" });
  const result: ThresholdResult = {
    expression: "errors<1%",
    source: "flag",
    ok: actual < 0.01,
    actual,
    unit: "fraction",
    limit: 0.01,
    n: 1000,
  };
  return { threshold, result };
}

/** One group a row of the table in DESIGN.md. */
describe("verdict", () => {
  test.each([
    // Row 1: sent < 99 % of scheduled because of the generator.
    { what: "late", ...run({ late: 11 }), thresholds: [latency(100, 50, 50)], lagMs: 1, verdict: "inconclusive" },
    { what: "out of sockets", ...run({ sockets: 11 }), thresholds: [], lagMs: 1, verdict: "inconclusive" },
    { what: "full house, fast target", ...run({ "in-flight-generator": 11 }), thresholds: [], lagMs: 1, verdict: "inconclusive" },
    {
      what: "the same, a threshold failing too",
      ...run({ late: 500 }),
      thresholds: [latency(100, null, null)],
      lagMs: 1,
      verdict: "inconclusive",
    },
    {
      what: "several causes together",
      ...run({ late: 4, sockets: 4, "in-flight-generator": 4 }),
      thresholds: [],
      lagMs: 1,
      verdict: "inconclusive",
    },
    {
      what: "just 1 % is not less than 99 %",
      ...run({ late: 10 }),
      thresholds: [latency(100, 50, 50)],
      lagMs: 1,
      verdict: "pass",
    },
    {
      what: "full house, slow target",
      ...run({ "in-flight-target": 500 }),
      thresholds: [latency(100, null, null)],
      lagMs: 1,
      verdict: "fail",
    },
    // Row 2: fails on response time, would pass on service time, lag p99 > max(2 ms, 10 % of the threshold).
    { what: "lag explains it", ...run(), thresholds: [latency(100, 150, 50)], lagMs: 10.1, verdict: "inconclusive" },
    { what: "lag just at 10 % of the threshold", ...run(), thresholds: [latency(100, 150, 50)], lagMs: 10, verdict: "fail" },
    { what: "lag over 10 %, but not over 2 ms", ...run(), thresholds: [latency(5, 6, 4)], lagMs: 2, verdict: "fail" },
    { what: "lag over 2 ms", ...run(), thresholds: [latency(5, 6, 4)], lagMs: 2.1, verdict: "inconclusive" },
    {
      what: "two, both explained",
      ...run(),
      thresholds: [latency(100, 150, 50), latency(50, 60, 40)],
      lagMs: 20,
      verdict: "inconclusive",
    },
    // Row 3: fails otherwise.
    { what: "service time fails as well", ...run(), thresholds: [latency(100, 150, 120)], lagMs: 50, verdict: "fail" },
    { what: "infinitely slow on both", ...run(), thresholds: [latency(100, null, null)], lagMs: 50, verdict: "fail" },
    { what: "errors", ...run(), thresholds: [errors(0.02)], lagMs: 50, verdict: "fail" },
    { what: "one explained, one not", ...run(), thresholds: [latency(100, 150, 50), errors(0.02)], lagMs: 50, verdict: "fail" },
    // Row 4: all hold.
    { what: "all hold", ...run(), thresholds: [latency(100, 50, 50), errors(0)], lagMs: 0.1, verdict: "pass" },
    { what: "all hold, though it was late", ...run(), thresholds: [latency(100, 90, 10)], lagMs: 80, verdict: "pass" },
    { what: "no thresholds", ...run(), thresholds: [], lagMs: 0, verdict: "pass" },
  ])("$what: $verdict", ({ counts, droppedByCause, thresholds, lagMs, verdict }) => {
    const decided = decideVerdict({ counts, droppedByCause, thresholds, scheduleLagP99Us: lagMs * 1000 });
    expect(decided.verdict).toBe(verdict);
    if (verdict !== "pass") expect(decided.reasons.length).toBeGreaterThan(0);
  });

  test("nothing was due: nothing is known", () => {
    const counts = { scheduled: 0, sent: 0, completed: 0, ok: 0, errors: 0, dropped: 0, unfinished: 0 };
    expect(decideVerdict({ ...run(), counts, thresholds: [], scheduleLagP99Us: undefined }).verdict).toBe("inconclusive");
  });

  test.each([
    { what: "all in time", tookMs: 2000, lagP50Ms: 0.1, verdict: "pass" },
    { what: "behind, and further behind all the time", tookMs: 3200, lagP50Ms: 345, verdict: "inconclusive" },
    { what: "a hiccup at the very end", tookMs: 2100, lagP50Ms: 0.1, verdict: "pass" },
    { what: "late by less than a hundredth", tookMs: 2019, lagP50Ms: 10, verdict: "pass" },
  ])("everything sent, $what: $verdict", ({ tookMs, lagP50Ms, verdict }) => {
    const sending = { wantedUs: 2_000_000, tookUs: tookMs * 1000, scheduleLagP50Us: lagP50Ms * 1000 };
    expect(decideVerdict({ ...run(), thresholds: [], scheduleLagP99Us: 0, sending }).verdict).toBe(verdict);
  });
});

describe("whose fault a full house is", () => {
  test.each([
    { what: "old answers missing", lagUs: 0, loopBusy: 0.3, medianAgeUs: 150_000, slowUs: 100_000, cause: "in-flight-target" },
    {
      what: "young ones only: the cap is too low",
      lagUs: 0,
      loopBusy: 0.3,
      medianAgeUs: 5_000,
      slowUs: 100_000,
      cause: "in-flight-generator",
    },
    {
      what: "the loop had no time to read answers",
      lagUs: 0,
      loopBusy: 0.97,
      medianAgeUs: 900_000,
      slowUs: 100_000,
      cause: "in-flight-generator",
    },
    { what: "late itself", lagUs: 200_000, loopBusy: 0.3, medianAgeUs: 900_000, slowUs: 100_000, cause: "in-flight-generator" },
  ])("$what: $cause", ({ cause, ...state }) => expect(blameFullHouse(state)).toBe(cause));

  test("slow is what the strictest latency threshold says, and a second without one", () => {
    expect(slowUsOf([])).toBe(1_000_000);
    expect(slowUsOf([250_000, 100_000])).toBe(100_000);
    expect(slowUsOf([5_000_000])).toBe(1_000_000);
  });
});
