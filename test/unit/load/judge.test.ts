import { describe, expect, test } from "vitest";
import { LatencyHistogram, prepareHistograms } from "../../../src/load/recorder/histogram.ts";
import { parseThreshold } from "../../../src/load/thresholds.ts";
import { judgeStretch } from "../../../src/load/windows/judge.ts";
import type { TallyRecord, WindowRecord } from "../../../src/load/windows/record.ts";
import { SteadyState } from "../../../src/experiments/steady.ts";

await prepareHistograms();

function tally(okUs: number[], errors: number, recall?: number): TallyRecord {
  const histogram = new LatencyHistogram();
  for (const us of okUs) histogram.record(us);
  const response = histogram.encoded();
  histogram.destroy();
  const completed = okUs.length + errors;
  return {
    counts: { scheduled: completed, sent: completed, completed, ok: okUs.length, errors, dropped: 0, unfinished: 0 },
    errorsByCause: errors > 0 ? { timeout: errors } : {},
    droppedByCause: {},
    ...(response && { response, service: response }),
    times: {},
    ratios: recall === undefined ? {} : { "recall@10": { n: 10, sum: 10 * recall, sumSquares: 10 * recall * recall } },
  };
}

/** A second of two scenarios. */
function second(at: number, search: TallyRecord, upsert: TallyRecord): WindowRecord {
  const both = tally([], 0);
  const add = (name: "scheduled" | "sent" | "completed" | "ok" | "errors") => search.counts[name] + upsert.counts[name];
  return {
    ...both,
    counts: {
      ...both.counts,
      scheduled: add("scheduled"),
      sent: add("sent"),
      completed: add("completed"),
      ok: add("ok"),
      errors: add("errors"),
    },
    errorsByCause: search.errorsByCause,
    ...(search.response && { response: search.response, service: search.response }),
    ratios: search.ratios,
    startMs: at * 1000,
    lengthMs: 1000,
    nodes: {},
    scenarios: { search, upsert },
    caches: {},
  };
}

const scenarios = [
  { name: "search", operation: "search" },
  { name: "upsert", operation: "upsert" },
];
const parse = (expression: string) => parseThreshold({ expression, source: "flag" });
const fast = tally(Array<number>(100).fill(1000), 0, 1);
const writes = tally(Array<number>(10).fill(2000), 0);
const failing = tally(Array<number>(50).fill(1000), 50, 0.5);
const slow = tally(Array<number>(100).fill(900_000), 0, 1);

describe("thresholds on a stretch of a run", () => {
  test.each([
    ["errors<1%", [fast, fast], true],
    ["errors<1%", [fast, failing], false],
    ["errors<40%", [fast, failing], true],
    ["search.errors:rate<20%", [failing, failing], false],
    ["upsert.errors:rate<1%", [failing, failing], true],
    ["p99<500ms", [fast, slow], false],
    ["p40<500ms", [fast, slow], true],
    ["recall@10>0.9", [fast, fast], true],
    ["recall@10>0.9", [fast, failing], false],
  ] as const)("%s", (expression, stretch, ok) => {
    const records = stretch.map((search, at) => second(at, search, writes));
    const judged = judgeStretch(records, [parse(expression)], scenarios);
    expect(judged.thresholds[0]!.ok).toBe(ok);
    expect(judged.verdict).toBe(ok ? "pass" : "fail");
  });
});

test("stretches that begin with each second, as far as whole ones are known", () => {
  const steady = new SteadyState([parse("errors<20%")], scenarios, 2000);
  const told = () =>
    steady
      .judged()
      .map(({ ok }) => (ok ? "." : "x"))
      .join("");
  for (const [at, search] of [fast, fast, failing, fast, fast].entries()) steady.add(second(at, search, writes));
  expect(steady.knownMs).toBe(5000);
  expect(told()).toBe(".xx.");
  steady.add(second(5, failing, writes));
  expect(told()).toBe(".xx.x");
});
