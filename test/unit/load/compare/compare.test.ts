import { build, decodeFromCompressedBase64, encodeIntoCompressedBase64, type JsHistogram } from "hdr-histogram-js";
import { describe, expect, test } from "vitest";
import { automaticBlockLength } from "../../../../src/load/compare/block-length.ts";
import { weightedHolm } from "../../../../src/load/compare/holm.ts";
import {
  type CompareWindow,
  compareResultSchema,
  compareRuns,
  latenciesOf,
  parseMaxRegression,
  type RunSeries,
} from "../../../../src/load/compare/index.ts";
import { blocksOf } from "../../../../src/load/compare/resample.ts";
import { fasterHalfUs, percentileUs, windowTable } from "../../../../src/load/compare/table.ts";
import { studentCritical, studentTwoSided } from "../../../../src/load/statistics/student.ts";
import { seededRng } from "../../../../src/runtime.ts";
import { normal } from "../../../helpers/sim-queue.ts";

interface Shape {
  windows?: number;
  perWindow?: number;
  meanUs?: number;
  slowEvery?: number;
  slowUs?: number;
  errors?: (window: number) => number;
  recall?: number;
  seed?: number;
}

/** A run of independent, roughly normal latencies; every `slowEvery`-th takes `slowUs` longer. */
function run(shape: Shape = {}, more: Partial<RunSeries> = {}): RunSeries {
  const { windows = 20, perWindow = 100, meanUs = 5000, slowEvery = 0, slowUs = 0, errors = () => 0, recall, seed = 5 } = shape;
  const rng = seededRng(seed);
  let sent = 0;
  const list: CompareWindow[] = Array.from({ length: windows }, (_, index) => {
    const failed = errors(index);
    const values = Array.from(
      { length: perWindow - failed },
      () => Math.round(meanUs * (1 + 0.1 * normal(rng))) + (slowEvery > 0 && ++sent % slowEvery === 0 ? slowUs : 0),
    );
    return {
      startMs: index * 1000,
      counts: { ok: values.length, errors: failed, dropped: 0 },
      latencyUs: { values, counts: values.map(() => 1) },
      ...(recall === undefined ? {} : { recall: { n: 10, sum: 10 * recall + 0.2 * (rng() - 0.5) } }),
    };
  });
  const conditions = { dataset: "d", k: 10, topology: "routed" };
  return { name: "run", windowMs: 1000, durationMs: windows * 1000, windows: list, targetPerSec: perWindow, conditions, ...more };
}

const metricOf = (result: ReturnType<typeof compareRuns>, name: string) => result.metrics.find(({ metric }) => metric === name)!;

test.each([
  [0.95, 1, 12.7062],
  [0.95, 9, 2.262_16],
  [0.99, 30, 2.75],
  [0.95, 1e7, 1.959_964],
])("Student's t: %d with %d degrees is %d", (confidence, degrees, expected) => {
  expect(studentCritical(confidence, degrees)).toBeCloseTo(expected, 3);
  expect(studentTwoSided(expected, degrees)).toBeCloseTo(1 - confidence, 4);
});

test("weighted Holm, by hand", () => {
  const steps = weightedHolm(
    [
      { pValue: 0.02, weight: 2 },
      { pValue: 0.012, weight: 1 },
      { pValue: 0.2, weight: 1 },
    ],
    0.05,
  );
  // 0.02 ≤ 0.05 × 2/4; then 0.012 ≤ 0.05 × 1/2; then 0.2 > 0.05.
  expect(steps.map(({ rejected }) => rejected)).toEqual([true, true, false]);
  expect(steps.map(({ level }) => level)).toEqual([0.025, 0.025, 0.05]);
  expect(
    weightedHolm(
      [
        { pValue: 0.04, weight: 1 },
        { pValue: 0.03, weight: 1 },
      ],
      0.05,
    ).some((step) => step.rejected),
  ).toBe(false);
});

test("blocks get longer with correlation, and stay at one without", () => {
  const series = (phi: number, seed: number) => {
    const rng = seededRng(seed);
    let state = 0;
    return Array.from({ length: 200 }, () => (state = phi * state + normal(rng)));
  };
  const mean = (phi: number) =>
    Array.from({ length: 20 }, (_, seed) => automaticBlockLength(series(phi, seed + 1))).reduce((a, b) => a + b) / 20;
  expect(mean(0)).toBeLessThan(3);
  expect(mean(0.8)).toBeGreaterThan(8);
  expect(automaticBlockLength([1, 1, 1, 1, 1, 1, 1, 1])).toBe(1);
  expect(automaticBlockLength([1, 2])).toBe(1);
});

test("blocks cover every window once and never span the two runs", () => {
  expect(blocksOf(5, 9, 2)).toEqual([
    [0, 2],
    [2, 5],
    [5, 7],
    [7, 9],
  ]);
});

test("percentiles rank failures above every value", () => {
  const window = (values: number[], errors: number): CompareWindow => ({
    startMs: 0,
    counts: { ok: values.length, errors, dropped: 0 },
    latencyUs: { values, counts: values.map(() => 1) },
  });
  const series = (windows: CompareWindow[]) => run({}, { windows });
  const table = windowTable(series([window([10, 20, 30], 1)]), series([window([100], 3)]));
  const [a, b] = [Float64Array.of(1, 0), Float64Array.of(0, 1)];
  expect([0.25, 0.5, 0.75, 0.76].map((p) => percentileUs(table, a, p))).toEqual([10, 20, 30, Infinity]);
  expect([0.25, 0.5].map((p) => percentileUs(table, b, p))).toEqual([100, Infinity]);
  expect(percentileUs(table, Float64Array.of(1, 1), 0.5)).toBe(100);
  expect(fasterHalfUs(table, a)).toBeCloseTo(Math.sqrt(200), 9);
  expect(fasterHalfUs(table, b)).toBe(Infinity);
});

test("an encoded histogram comes back as values and counts", () => {
  const histogram = build({ lowestDiscernibleValue: 1, highestTrackableValue: 60_000_000, numberOfSignificantValueDigits: 3 });
  const recorded = [3, 3, 1500, 98_765, 98_765, 12_345_678];
  for (const value of recorded) histogram.recordValue(value);
  const decoded = decodeFromCompressedBase64(encodeIntoCompressedBase64(histogram)) as JsHistogram;
  const { values, counts } = latenciesOf(decoded);
  expect(Array.from(counts)).toEqual([2, 1, 2, 1]);
  [3, 1500, 98_765, 12_345_678].forEach((value, i) => expect(Math.abs(values[i]! / value - 1)).toBeLessThan(0.001));
});

describe("verdicts", () => {
  test("the same file twice is no different in anything", () => {
    const result = compareRuns(run({ recall: 0.9 }), run({ recall: 0.9 }));
    expect(result.verdict).toBe("no difference");
    expect(metricOf(result, "p99").effect).toMatchObject({ value: 1 });
    expect(compareResultSchema.parse(JSON.parse(JSON.stringify(result)))).toEqual(result);
  });

  test("10 % slower is worse, 10 % faster better, with an interval that holds the truth", () => {
    const slower = compareRuns(run(), run({ meanUs: 5500, seed: 9 }));
    expect([slower.verdict, slower.regression]).toEqual(["worse", true]);
    const { effect } = metricOf(slower, "p50");
    expect(effect!.low!).toBeGreaterThan(1.05);
    expect(effect!.low!).toBeLessThan(1.1);
    expect(effect!.high!).toBeGreaterThan(1.1);
    expect(compareRuns(run({ meanUs: 5500, seed: 9 }), run()).verdict).toBe("better");
  });

  test("half a percent may be significant, and is still no difference", () => {
    const large = { windows: 60, perWindow: 3000 };
    const result = compareRuns(run(large), run({ ...large, meanUs: 5025, seed: 9 }));
    expect(metricOf(result, "body").pValue!).toBeLessThan(0.01);
    expect(result.verdict).toBe("no difference");
  });

  test("a slower tail alone shows in the tail alone", () => {
    const result = compareRuns(
      run({ windows: 60, slowEvery: 25, slowUs: 10_000 }),
      run({ windows: 60, slowEvery: 25, slowUs: 20_000, seed: 9 }),
    );
    expect(metricOf(result, "p50").verdict).toBe("no difference");
    expect(metricOf(result, "p99").verdict).toBe("worse");
  });

  test("fast failures do not flatter: errors are worse, and the percentile they reach has no upper end", () => {
    const result = compareRuns(run(), run({ errors: () => 2, meanUs: 4990, seed: 9 }));
    expect(metricOf(result, "errors")).toMatchObject({ verdict: "worse", b: 0.02, regression: true });
    expect(metricOf(result, "p99")).toMatchObject({ b: null, verdict: "worse", effect: { value: null, high: null } });
  });

  test("a recall that falls is worse although latency holds", () => {
    const result = compareRuns(run({ recall: 0.95 }), run({ recall: 0.93, seed: 9 }));
    expect(metricOf(result, "recall")).toMatchObject({ verdict: "worse" });
    expect(metricOf(result, "body").verdict).toBe("no difference");
    expect(result.verdict).toBe("worse");
  });

  test("a rate that was not achieved is worse", () => {
    const result = compareRuns(run({}, { targetPerSec: 100 }), run({ perWindow: 90, seed: 9 }, { targetPerSec: 100 }));
    expect(metricOf(result, "rate")).toMatchObject({ verdict: "worse", a: 100, b: 90 });
  });

  test("percentiles without the samples say how many they need", () => {
    expect(metricOf(compareRuns(run(), run({ seed: 9 })), "p99.9")).toMatchObject({
      verdict: "not comparable",
      reason: "needs 10000 operations in each run, the smaller has 2000",
    });
  });
});

describe("not comparable", () => {
  test.each<[string, Partial<RunSeries>, Shape, string]>([
    ["rate", { targetPerSec: 120 }, {}, "other target rate: 100/s and 120/s"],
    ["closed loop", { targetPerSec: undefined }, {}, "one run had a target rate, the other was closed-loop"],
    ["duration", { durationMs: 30_000 }, {}, "other duration: 20 s and 30 s"],
    ["conditions", { conditions: { dataset: "e", k: 10, ef: 64 } }, {}, "other dataset: d and e"],
    ["verdict", { inconclusive: "the generator was late" }, {}, "run was inconclusive: the generator was late"],
    [
      "windows",
      { durationMs: 20_000 },
      { windows: 4 },
      "run has 4 windows, and 5 are needed: run longer, or store shorter windows",
    ],
    ["window length", { windowMs: 500 }, {}, "other window length: 1000 ms and 500 ms"],
    ["nothing", { windows: [] }, {}, "run holds no operations"],
  ])("%s", (_, more, shape, reason) => {
    const result = compareRuns(run(), run(shape, more));
    expect(result.verdict).toBe("not comparable");
    expect(result.reasons).toContain(reason);
    expect(new Set(result.metrics.map(({ verdict }) => verdict))).toEqual(new Set(["not comparable"]));
    expect(result.regression).toBe(false);
  });
});

describe("--max-regression", () => {
  const slower = (limits: string[]) =>
    compareRuns(run(), run({ meanUs: 5500, seed: 9 }), { maxRegression: parseMaxRegression(limits) });

  test("worse within the limit is worse, and no regression; beyond it, it is one", () => {
    expect(slower(["20%"])).toMatchObject({ verdict: "worse", regression: false });
    expect(slower(["5%"])).toMatchObject({ verdict: "worse", regression: true });
    expect(metricOf(slower(["20%", "p50=5%"]), "p50")).toMatchObject({ maxRegression: 0.05, regression: true });
    expect(metricOf(slower(["20%", "p50=5%"]), "body")).toMatchObject({ maxRegression: 0.2, regression: false });
  });

  test("a limit that these runs cannot support is not silently kept", () => {
    const result = compareRuns(run(), run({ seed: 9 }), { maxRegression: parseMaxRegression(["p99.9=5%"]) });
    expect(result.verdict).toBe("not comparable");
    expect(result.reasons[0]).toContain("--max-regression names p99.9");
  });

  test("every mistake at once", () => {
    expect(() => parseMaxRegression(["p98=5%", "p99=five", "p50=1%", "p50=2%"])).toThrowErrorMatchingInlineSnapshot(`
      [RagctlError: 3 problems:
        --max-regression p98=5%: unknown metric "p98": expected one of all, body, p50, p90, p95, p99, p99.9, errors, rate, recall
        --max-regression p99=five: expected a fraction such as 0.95 or 0.1%, got "five"
        --max-regression p50=2%: p50 is given twice]
    `);
  });
});
