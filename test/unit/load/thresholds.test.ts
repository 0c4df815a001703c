import { describe, expect, test } from "vitest";
import { LatencyHistogram, prepareHistograms } from "../../../src/load/recorder/histogram.ts";
import { profileThresholds, thresholdsSchema } from "../../../src/load/thresholds/profile.ts";
import {
  evaluateThreshold,
  objectiveThresholds,
  parseThreshold,
  parseThresholds,
  type Measured,
} from "../../../src/load/thresholds.ts";

await prepareHistograms();

const parse = (expression: string) => parseThreshold({ expression, source: "flag" });

describe("parsing", () => {
  test.each([
    ["p99<100ms", { metric: "latency", q: 0.99, limitUs: 100_000, comparison: "<" }],
    ["p99.9<250ms", { metric: "latency", q: 0.999, limitUs: 250_000 }],
    ["p50 <= 1.5s", { metric: "latency", q: 0.5, limitUs: 1_500_000, comparison: "<=" }],
    ["max<2s", { metric: "latency", q: 1, limitUs: 2_000_000 }],
    ["errors<0.1%", { metric: "errors", limit: 0.001 }],
    ["errors<0.001", { metric: "errors", limit: 0.001 }],
    ["rate>99%", { metric: "rate", limit: 0.99, comparison: ">" }],
    ["recall@10>0.95", { metric: "recall", k: 10, limit: 0.95 }],
    ["recall>=95%", { metric: "recall", k: undefined, limit: 0.95, comparison: ">=" }],
    ["freshness:p95<2s", { metric: "time", measure: "freshness", q: 0.95, limitUs: 2_000_000 }],
    ["stage:rerank: p50<5ms", { metric: "time", measure: "stage:rerank", q: 0.5 }],
    ["search.responseTime:p99<100ms", { metric: "latency", scope: "search", q: 0.99 }],
    ["reads.errors: rate<1%", { metric: "errors", scope: "reads", limit: 0.01 }],
  ])("%s", (expression, expected) => expect(parse(expression)).toMatchObject(expected));

  test.each([
    ["latency<1ms", /unknown metric "latency".*known are p50/],
    ["p100<1ms", /unknown metric "p100"|expected a threshold/],
    ["p99>1ms", /p99 takes </],
    ["errors>1%", /errors takes </],
    ["rate<1%", /rate takes >/],
    ["p99<100", /expected a duration/],
    ["p99<0ms", /above zero/],
    ["p99", /expected a threshold such as/],
    ["", /expected a threshold such as/],
    ["recall@10<0.9", /recall@10 takes >/],
    ["recall@10>1.5", /at most 1/],
    ["recall@0>0.5", /says nothing/],
    ["freshnes:p95<2s", /unknown metric "freshnes"/],
    ["errors: p99<1s", /errors takes rate/],
    ["recall@10: p99>0.9", /recall@10 takes mean/],
  ])("%j is refused with a sentence", (expression, message) => expect(() => parse(expression)).toThrow(message));

  test("what a run does not have is unknown: scopes, and recall that nobody judges", () => {
    const context = { scopes: ["search", "reads"], recallKs: [10] };
    const at = (expression: string) => () => parseThreshold({ expression, source: "flag" }, context);
    expect(at("reads.responseTime:p99<1s")).not.toThrow();
    expect(at("recall@10>0.9")).not.toThrow();
    expect(at("writes.responseTime:p99<1s")).toThrow(/no scenario.*"writes" \(there are search, reads\)/);
    expect(at("recall@20>0.9")).toThrow(/--recall/);
    expect(() => parseThreshold({ expression: "recall>0.9", source: "flag" }, { scopes: [], recallKs: [] })).toThrow(/--recall/);
  });

  test("as a profile has them: lists by metric, windows, ends of runs", () => {
    const parsed = thresholdsSchema.parse({
      "search.responseTime": ["p99<100ms", { threshold: "p99.9<250ms", window: "10s", abortOnFail: true, delay: "30s" }],
      errors: "rate<0.1%",
      "recall@10": ["mean>0.95"],
      freshness: ["p95<2s"],
      rate: [{ threshold: "achieved>99%", abortOnFail: true }],
    });
    const { thresholds, problems } = parseThresholds(profileThresholds(parsed));
    expect(problems).toEqual([]);
    expect(thresholds).toMatchObject([
      { metric: "latency", scope: "search", limitUs: 100_000, title: "search.responseTime: p99<100ms" },
      { metric: "latency", windowUs: 10e6, abortAfterUs: 30e6, title: "search.responseTime: p99.9<250ms in each 10 s" },
      { metric: "errors", limit: 0.001 },
      { metric: "recall", k: 10, limit: 0.95 },
      { metric: "time", measure: "freshness", q: 0.95 },
      { metric: "rate", limit: 0.99, abortAfterUs: 10e6 },
    ]);
    const wrong = thresholdsSchema.safeParse({
      latncy: ["p99<1s"],
      errors: ["p99<1s"],
      rate: [{ threshold: "achieved>9%", window: "10" }],
    });
    expect(wrong.error!.issues.map(({ path }) => path.join(".")).toSorted()).toEqual(["errors.0", "latncy.0", "rate.0.window"]);
  });

  test("every mistake at once", () => {
    const inputs = ["p99<1", "p95<5ms", "foo<1"].map((expression) => ({ expression, source: "flag" as const }));
    const { thresholds, problems } = parseThresholds(inputs);
    expect(thresholds).toHaveLength(1);
    expect(problems).toHaveLength(2);
  });

  test("objectives become thresholds", () => {
    const expressions = objectiveThresholds({ p50: 20, p99: 100.5, errorRate: 0.001, recallAt10: 0.95 }).map((t) => t.expression);
    expect(expressions).toEqual(["p50<20ms", "p99<100.5ms", "errors<0.1%"]);
    for (const expression of expressions) parse(expression);
  });
});

/** `ok` operations take 1, 2, 3, … ms; the others fail, are dropped or stay unfinished. */
function measured(ok: number, others: { errors?: number; dropped?: number; unfinished?: number } = {}): Measured {
  const { errors = 0, dropped = 0, unfinished = 0 } = others;
  const histogram = new LatencyHistogram();
  for (let i = 1; i <= ok; i++) histogram.record(i * 1000);
  const completed = ok + errors;
  const sent = completed + unfinished;
  return {
    counts: { scheduled: sent + dropped, sent, completed, ok, errors, dropped, unfinished },
    response: histogram,
    service: histogram,
    times: new Map(),
    ratios: new Map(),
  };
}

describe("whatever was not ok ranks as infinitely slow", () => {
  test.each([
    { expression: "p50<51ms", run: measured(100), ok: true, actualMs: 50 },
    { expression: "p99<99ms", run: measured(100), ok: false, actualMs: 99 },
    // 90 ok and 10 that were not: the 50th of 100 is still 50 ms, p90 is the slowest ok one, p95 is infinite.
    { expression: "p50<51ms", run: measured(90, { errors: 10 }), ok: true, actualMs: 50 },
    { expression: "p90<91ms", run: measured(90, { dropped: 10 }), ok: true, actualMs: 90 },
    { expression: "p95<1h", run: measured(90, { errors: 4, dropped: 3, unfinished: 3 }), ok: false, actualMs: null },
    { expression: "max<1h", run: measured(99, { unfinished: 1 }), ok: false, actualMs: null },
    { expression: "p50<1h", run: measured(0, { errors: 5 }), ok: false, actualMs: null },
  ])("$expression", ({ expression, run, ok, actualMs }) => {
    const result = evaluateThreshold(parse(expression), run);
    expect(result.ok).toBe(ok);
    if (actualMs === null) expect(result.actual).toBeNull();
    else expect(Math.abs(result.actual! - actualMs * 1000)).toBeLessThan(actualMs);
  });

  test.each([
    ["errors<10%", measured(90, { errors: 5, dropped: 3, unfinished: 2 }), false, 0.1],
    ["errors<=10%", measured(90, { errors: 5, dropped: 3, unfinished: 2 }), true, 0.1],
    ["rate>99%", measured(99, { dropped: 1 }), false, 0.99],
    ["rate>=99%", measured(90, { errors: 9, unfinished: 1 }), true, 0.99],
  ])("%s", (expression, run, ok, actual) => {
    expect(evaluateThreshold(parse(expression), run)).toMatchObject({ ok, actual, unit: "fraction" });
  });
});
