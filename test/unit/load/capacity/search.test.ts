import { describe, expect, test } from "vitest";
import {
  type CapacityAnswer,
  type CapacityOptions,
  nextProbe,
  type Probe,
  type ProbeOutcome,
} from "../../../../src/load/capacity/index.ts";
import { type Rng, seededRng } from "../../../../src/runtime.ts";
import { type Service, simulateQueue } from "../../../helpers/sim-queue.ts";

/** Runs a search to its end. A search that never ends fails here. */
function search(
  options: CapacityOptions,
  outcomeAt: (ratePerSec: number) => ProbeOutcome,
): { answer: CapacityAnswer; probes: Probe[] } {
  const probes: Probe[] = [];
  for (let i = 0; i <= (options.maxProbes ?? 40); i++) {
    const step = nextProbe(probes, options);
    if ("done" in step) return { answer: step.done, probes };
    probes.push({ ...step.probe, outcome: outcomeAt(step.probe.ratePerSec) });
  }
  throw new Error("the search did not end");
}

const passBelow =
  (knee: number, broke = "p99<100ms") =>
  (ratePerSec: number): ProbeOutcome =>
    ratePerSec <= knee ? { kind: "pass" } : { kind: "fail", broke: [broke] };

test("the path of a search, as a table", () => {
  const { answer, probes } = search({ minPerSec: 100, resolution: 0.1 }, passBelow(500));
  expect(probes.map(({ kind, ratePerSec, outcome }) => `${kind} ${ratePerSec} ${outcome.kind}`)).toMatchInlineSnapshot(`
    [
      "bracket 100 pass",
      "bracket 200 pass",
      "bracket 400 pass",
      "bracket 800 fail",
      "bisect 565.7 fail",
      "bisect 475.7 pass",
      "bisect 518.8 fail",
      "confirm 475.7 pass",
      "confirm 518.8 fail",
    ]
  `);
  expect(answer).toMatchInlineSnapshot(`
    {
      "confirmed": true,
      "firstBroken": "p99<100ms",
      "generatorBound": false,
      "interval": {
        "highPerSec": 518.8,
        "lowPerSec": 475.7,
      },
      "probes": 9,
      "ratePerSec": 475.7,
    }
  `);
});

describe("ends", () => {
  test("--max holds", () => {
    const { answer, probes } = search({ minPerSec: 100, maxPerSec: 300 }, passBelow(1e9));
    expect(probes.map(({ ratePerSec }) => ratePerSec)).toEqual([100, 200, 300, 300]);
    expect(answer).toMatchObject({
      ratePerSec: 300,
      interval: { lowPerSec: 300, highPerSec: null },
      confirmed: true,
      generatorBound: false,
    });
    expect(answer.firstBroken).toBeUndefined();
  });

  test("not even --min holds", () => {
    const { answer } = search({ minPerSec: 100 }, passBelow(50, "errors<0.1%"));
    expect(answer).toEqual({
      ratePerSec: null,
      interval: { lowPerSec: 0, highPerSec: 100 },
      firstBroken: "errors<0.1%",
      generatorBound: false,
      confirmed: true,
      probes: 2,
    });
  });

  test("the generator was the limit", () => {
    const { answer } = search({ minPerSec: 100 }, (rate) =>
      rate < 5000 ? { kind: "pass" } : { kind: "inconclusive", reason: "late" },
    );
    expect(answer).toMatchObject({ generatorBound: true, confirmed: true });
    expect(answer.ratePerSec! / 5000).toBeGreaterThan(0.96);
    expect(answer.firstBroken).toBeUndefined();
  });

  test("a first probe that fails by bad luck is repeated, and the search goes on", () => {
    let first = true;
    const { answer } = search({ minPerSec: 100 }, (rate) => {
      const outcome: ProbeOutcome = first ? { kind: "fail", broke: ["p99<1ms"] } : passBelow(1000)(rate);
      first = false;
      return outcome;
    });
    expect(answer.ratePerSec!).toBeGreaterThan(960);
    // That one failure is in the interval all the same.
    expect(answer.interval.lowPerSec).toBe(0);
  });

  test("the probes run out", () => {
    const { answer } = search({ minPerSec: 1, maxProbes: 5 }, passBelow(1e6));
    expect(answer).toMatchObject({ ratePerSec: 16, confirmed: false, probes: 5, interval: { highPerSec: null } });
  });
});

describe("a server that takes 1 ms with 8 slots holds 8,000/s by arithmetic", () => {
  const fixed: Service = (meanMs) => () => meanMs;
  // Two simulated seconds a probe; the SLO is the p99 of response times from the intended start.
  const server =
    (arrivals: "constant" | "poisson", rng: Rng, sloMs: number) =>
    (ratePerSec: number): ProbeOutcome => {
      const { windows } = simulateQueue({
        samples: ratePerSec * 2,
        ratePerSec,
        meanMs: 1,
        service: fixed,
        rng,
        arrivals,
        servers: 8,
      });
      const total = windows.reduce((sum, { counts }) => sum + counts.ok, 0);
      const late = windows.reduce(
        (sum, { latencyUs }) =>
          sum + Array.from(latencyUs.values).reduce((late, us, i) => late + (us >= sloMs * 1000 ? latencyUs.counts[i]! : 0), 0),
        0,
      );
      return late <= total * 0.01 ? { kind: "pass" } : { kind: "fail", broke: [`p99<${sloMs}ms`] };
    };

  test.each([
    ["constant", 5],
    ["poisson", 10],
  ] as const)("%s arrivals, p99 < %d ms", (arrivals, sloMs) => {
    for (const seed of [1, 2, 3]) {
      const { answer } = search({ minPerSec: 500 }, server(arrivals, seededRng(seed), sloMs));
      expect(Math.abs(answer.ratePerSec! - 8000) / 8000).toBeLessThan(0.05);
      expect(answer).toMatchObject({ firstBroken: `p99<${sloMs}ms`, confirmed: true, generatorBound: false });
      expect(answer.interval.lowPerSec).toBeLessThanOrEqual(8000);
      expect(answer.interval.highPerSec!).toBeGreaterThanOrEqual(answer.ratePerSec!);
    }
  });
});

describe("noise", () => {
  /** Passes with a probability that falls from 1 to 0 around the knee; one probe in `wild` is wrong whatever the rate. */
  const noisy =
    (knee: number, width: number, wild: number, rng: Rng) =>
    (ratePerSec: number): ProbeOutcome => {
      if (rng() < wild)
        return rng() < 0.5
          ? { kind: "pass" }
          : rng() < 0.5
            ? { kind: "fail", broke: ["p99<1ms"] }
            : { kind: "inconclusive", reason: "late" };
      return rng() < 1 / (1 + Math.exp((ratePerSec / knee - 1) / width))
        ? { kind: "pass" }
        : { kind: "fail", broke: ["p99<1ms"] };
    };

  test("it always ends within its probes, and no rate is tried more often than it may (200 seeds)", () => {
    for (let seed = 1; seed <= 200; seed++) {
      const rng = seededRng(seed);
      const repeats = seed % 2 === 0 ? 3 : 5;
      const { answer, probes } = search({ minPerSec: 10, repeats, maxProbes: 60 }, noisy(10 ** (1 + 3 * rng()), 0.2, 0.3, rng));
      expect(probes.length, `seed ${seed}`).toBeLessThanOrEqual(60);
      for (const { ratePerSec } of probes)
        expect(probes.filter((probe) => probe.ratePerSec === ratePerSec).length, `seed ${seed}`).toBeLessThanOrEqual(repeats);
      const { lowPerSec, highPerSec } = answer.interval;
      expect(lowPerSec, `seed ${seed}`).toBeLessThanOrEqual(answer.ratePerSec ?? 0);
      if (highPerSec !== null) expect(highPerSec, `seed ${seed}`).toBeGreaterThan(answer.ratePerSec ?? 0);
    }
  });

  test("with a knee that is blurred by 2 %, nine in ten answers are within 6 % (200 seeds)", () => {
    let close = 0;
    for (let seed = 1; seed <= 200; seed++) {
      const rng = seededRng(seed);
      const knee = 10 ** (2 + 2 * rng());
      const { answer } = search({ minPerSec: 10 }, noisy(knee, 0.02, 0, rng));
      if (answer.ratePerSec !== null && Math.abs(answer.ratePerSec / knee - 1) < 0.06) close++;
    }
    expect(close).toBeGreaterThanOrEqual(180);
  });

  test("the same probes give the same next step: a search can be resumed", () => {
    const { probes } = search({ minPerSec: 10 }, noisy(777, 0.05, 0.1, seededRng(4)));
    for (let i = 0; i < probes.length; i++) {
      const step = nextProbe(probes.slice(0, i), { minPerSec: 10 });
      expect(step).toEqual({ probe: { ratePerSec: probes[i]!.ratePerSec, kind: probes[i]!.kind } });
    }
  });
});
