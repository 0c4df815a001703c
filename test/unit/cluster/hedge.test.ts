import { describe, expect, test } from "vitest";
import { judgeSilence } from "../../../src/cluster/attempt.ts";
import { hedgeAfterUs, hedgeBurst, hedgeEarns } from "../../../src/cluster/hedge.ts";
import { LatencyWindow } from "../../../src/cluster/latency-window.ts";
import { addTokens, newBucket, takeTokens } from "../../../src/cluster/token-bucket.ts";

describe("hedging", () => {
  test.each([
    ["p95 of 8 ms", { mode: "p95", p95Us: 8_000, slowAfterUs: 2e6, tokens: 3 }, 8_000],
    ["off", { mode: "off", p95Us: 8_000, slowAfterUs: 2e6, tokens: 3 }, undefined],
    ["nothing measured yet", { mode: "p95", p95Us: Number.NaN, slowAfterUs: 2e6, tokens: 3 }, undefined],
    ["the budget is spent", { mode: "p95", p95Us: 8_000, slowAfterUs: 2e6, tokens: 0.99 }, undefined],
    ["a p95 of microseconds waits a millisecond", { mode: "p95", p95Us: 90, slowAfterUs: 2e6, tokens: 3 }, 1_000],
    ["a p95 beyond the limit of slowness", { mode: "p95", p95Us: 3e6, slowAfterUs: 2e6, tokens: 3 }, undefined],
  ] as const)("%s", (_, input, expected) => {
    expect(hedgeAfterUs(input)).toBe(expected);
  });

  test("the budget allows one in ten, and a few saved up", () => {
    const budget = newBucket(0, hedgeBurst, 0);
    let hedges = 0;
    for (let i = 0; i < 2_000; i++) {
      addTokens(budget, hedgeEarns);
      if (takeTokens(budget, i)) hedges++;
    }
    expect(hedges).toBeGreaterThanOrEqual(2_000 * hedgeEarns);
    expect(hedges).toBeLessThanOrEqual(2_000 * hedgeEarns + hedgeBurst);
  });

  test("the p95 is that of the last 256, once there are 64", () => {
    const window = new LatencyWindow();
    for (let i = 1; i < 64; i++) window.record(i);
    expect(window.p95Us).toBeNaN();
    window.record(64);
    expect(window.p95Us).toBe(61);
    for (let i = 0; i < 256; i++) window.record(1000 + (i % 100));
    expect(window.p95Us).toBeGreaterThan(1090);
    expect(window.p95Us).toBeLessThan(1100);
  });

  test.each([
    [1_000, 900, "silent"],
    [1_000, 1_000, "silent"],
    [1_000, 1_001, "slow"],
    [1_000, -Infinity, "silent"],
  ] as const)("sent at %d, last answer at %d: %s", (sentUs, lastUs, expected) => {
    expect(judgeSilence(sentUs, lastUs)).toBe(expected);
  });
});

describe("a rate", () => {
  test("a second's worth at once, then so many a second; time that goes back gives nothing", () => {
    const bucket = newBucket(10, 10, 0);
    const taken = (atUs: number) => {
      let count = 0;
      while (takeTokens(bucket, atUs)) count++;
      return count;
    };
    expect([taken(0), taken(0), taken(250_000), taken(300_000), taken(100_000), taken(1e9)]).toEqual([10, 0, 2, 1, 0, 10]);
  });
});
