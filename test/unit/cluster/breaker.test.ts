import { describe, expect, test } from "vitest";
import {
  admittedShare,
  breakerPolicies,
  errorRate,
  newBreaker,
  probeFailed,
  probeSucceeded,
  recordOutcome,
  type Breaker,
} from "../../../src/cluster/breaker.ts";

/** `ok x8 @100` … as a table: [time ms, what, times]. */
type Step = [atMs: number, what: "ok" | "fail" | "probe" | "silent", times?: number];
function drive(breaker: Breaker, steps: Step[]): Breaker {
  for (const [atMs, what, times = 1] of steps)
    for (let i = 0; i < times; i++)
      if (what === "probe") probeSucceeded(breaker, atMs);
      else if (what === "silent") probeFailed(breaker, atMs);
      else recordOutcome(breaker, atMs, what === "fail");
  return breaker;
}
const rolling = () => newBreaker(breakerPolicies.rolling);
const opened: Step[] = [[1000, "fail", 10]];

describe("rolling", () => {
  test.each<[string, Step[], number, number]>([
    ["nine failures are too few requests", [[1000, "fail", 9]], 1000, 1],
    ["ten open it", opened, 1000, 0],
    [
      "half of them failing is not more than half",
      [
        [1000, "ok", 10],
        [1000, "fail", 10],
      ],
      1000,
      1,
    ],
    [
      "one more is",
      [
        [1000, "ok", 10],
        [1000, "fail", 11],
      ],
      1000,
      0,
    ],
    [
      "what is older than 5 s is forgotten",
      [
        [1000, "ok", 100],
        [6500, "fail", 10],
      ],
      6500,
      0,
    ],
    [
      "what is younger is not",
      [
        [1000, "ok", 100],
        [5400, "fail", 10],
      ],
      5400,
      1,
    ],
    ["open lasts 2 s", opened, 2999, 0],
    ["then a tenth of the traffic returns", opened, 3000, 0.1],
    ["and stays there until something was answered", opened, 9000, 0.1],
    ["a good probe ends it early", [...opened, [1500, "probe"]], 1500, 0.1],
    ["while probes are not answered, time does not end it", [...opened, [1500, "silent"]], 60_000, 0],
    ["a good one does", [...opened, [1500, "silent"], [9000, "probe"]], 9000, 0.1],
    ["one that is not answered opens it at once", [[1000, "silent"]], 60_000, 0],
    ["and in a step", [...opened, [3000, "ok"], [4000, "ok"], [4100, "silent"]], 60_000, 0],
    ["half after a second with an answer", [...opened, [3000, "ok"], [4000, "ok"]], 4000, 0.5],
    ["all after another", [...opened, [3000, "ok"], [4000, "ok"], [4100, "ok"], [5000, "ok"]], 5000, 1],
    ["a failure in a step opens it again, for 4 s", [...opened, [3000, "fail"]], 6999, 0],
    ["which end", [...opened, [3000, "fail"]], 7000, 0.1],
    ["doubling stops at 30 s", [...opened, [3000, "fail"], [7000, "fail"], [15_000, "fail"], [31_000, "fail"]], 60_999, 0],
    ["there", [...opened, [3000, "fail"], [7000, "fail"], [15_000, "fail"], [31_000, "fail"]], 61_000, 0.1],
    [
      "closed for a whole window, it starts from 2 s again",
      [...opened, [3000, "ok"], [4000, "ok"], [4100, "ok"], [5000, "ok"], [10_000, "fail", 10]],
      12_000,
      0.1,
    ],
    [
      "closed for less, it goes on doubling",
      [...opened, [3000, "ok"], [4000, "ok"], [4100, "ok"], [5000, "ok"], [6000, "fail", 10]],
      9999,
      0,
    ],
  ])("%s", (_, steps, atMs, share) => expect(admittedShare(drive(rolling(), steps), atMs)).toBe(share));

  test("a failure that was sent before it opened does not count against a node that is tried again", () => {
    const breaker = drive(rolling(), opened);
    expect(admittedShare(breaker, 3000)).toBe(0.1);
    recordOutcome(breaker, 3100, true, 900);
    expect(admittedShare(breaker, 3100)).toBe(0.1);
  });

  test("the error rate is over the window", () => {
    const breaker = drive(rolling(), [
      [1000, "ok", 3],
      [2000, "fail", 1],
    ]);
    expect(errorRate(breaker, 2000)).toBe(0.25);
    expect(errorRate(breaker, 6600)).toBe(1);
    expect(errorRate(breaker, 9000)).toBe(0);
  });
});

describe("fixed", () => {
  test.each<[string, Step[], number, number]>([
    ["open for 30 s", opened, 30_999, 0],
    ["whatever a probe says", [...opened, [2000, "probe"]], 2000, 0],
    ["nor what it does not say", [...opened, [2000, "silent"]], 31_000, 1],
    ["then everything at once", opened, 31_000, 1],
    ["and 30 s again", [...opened, [31_000, "fail", 10]], 60_999, 0],
  ])("%s", (_, steps, atMs, share) => expect(admittedShare(drive(newBreaker(breakerPolicies.fixed), steps), atMs)).toBe(share));
});

test("off never opens, and still measures", () => {
  const breaker = drive(newBreaker(breakerPolicies.off), [[1000, "fail", 100]]);
  expect(admittedShare(breaker, 1000)).toBe(1);
  expect(errorRate(breaker, 1000)).toBe(1);
});
