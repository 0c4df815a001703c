import { expect, test } from "vitest";
import type { LoadProgress, LoadResult } from "../../../src/load/result.ts";
import { loadCsv } from "../../../src/report/load-csv.ts";
import { loadJunit } from "../../../src/report/load-junit.ts";
import { loadMarkdown } from "../../../src/report/load-markdown.ts";
import { progressLineJson } from "../../../src/report/load-ndjson.ts";
import { sampleRun } from "../../helpers/load-result.ts";

const { result } = sampleRun({ seconds: 10, ratePerSec: 100 });
const latency = { ...result.responseTimeUs, p50: 2500, p95: 15_300, p99: 40_300, p999: 92_000, max: 174_000 };
const fixed: LoadResult = {
  ...result,
  reasons: ["p99<10ms failed: it was 40.3 ms | a <b>"],
  counts: { scheduled: 1000, sent: 990, completed: 985, ok: 950, errors: 35, dropped: 10, unfinished: 5 },
  rates: { targetPerSec: 100, sentPerSec: 99, completedPerSec: 98.5 },
  elapsedMs: 10_020,
  responseTimeUs: latency,
  serviceTimeUs: { ...latency, p999: null },
  thresholds: [
    { expression: "p99<10ms", source: "flag", ok: false, actual: 40_300, unit: "us", limit: 10_000, n: 1000 },
    { expression: "p99.9<1s", source: "objective", ok: false, actual: null, unit: "us", limit: 1_000_000, n: 1000 },
    { expression: "errors<6%", source: "flag", ok: true, actual: 0.05, unit: "fraction", limit: 0.06, n: 1000 },
  ],
};

test("Markdown: the verdict, the thresholds, counts that add up; nothing in it is markup", () => {
  expect(loadMarkdown(fixed)).toMatchInlineSnapshot(`
    "### ❌ fail · 99.0/s sent of 100/s for 10.0 s

    - p99&lt;10ms failed: it was 40.3 ms \\| a &lt;b>

    | | threshold | was |
    | --- | --- | ---: |
    | ❌ | p99&lt;10ms | 40.3 ms |
    | ❌ | p99.9&lt;1s | ∞ |
    | ✅ | errors&lt;6% | 5.00 % |

    | | p50 | p95 | p99 | p99.9 | max |
    | --- | ---: | ---: | ---: | ---: | ---: |
    | response time | 2.50 ms | 15.3 ms | 40.3 ms | 92.0 ms | 174 ms |
    | service time | 2.50 ms | 15.3 ms | 40.3 ms | – | 174 ms |

    recall@10 0.9700 (0.9680 – 0.9720, 400 searches)  
    1,000 scheduled = 950 ok + 35 errors + 10 dropped + 5 unfinished
    "
  `);
});

test("Markdown says by whose truth recall was judged", () => {
  const recallTruth: LoadResult["recallTruth"] = [{ scenario: "reads", from: "exact search", queries: 225 }];
  expect(loadMarkdown({ ...fixed, recallTruth })).toContain("reads: true neighbours of 225 queries from exact search");
});

test("Markdown of a run that was interrupted, of closed loops, without thresholds", () => {
  const text = loadMarkdown({ ...fixed, interrupted: true, thresholds: [], rates: { ...fixed.rates, targetPerSec: null } });
  expect(text.split("\n")[0]).toBe("### ❌ fail (interrupted) · 99.0/s sent for 10.0 s");
  expect(text).not.toContain("threshold |");
});

test("JUnit: every threshold a case, and the run one", () => {
  expect(loadJunit(fixed)).toMatchInlineSnapshot(`
    "<?xml version="1.0" encoding="UTF-8"?>
    <testsuites tests="4" failures="3" errors="0" skipped="0" time="10.020">
      <testsuite name="ragctl load" timestamp="2026-03-03T09:30:00" tests="4" failures="3" errors="0" skipped="0" time="10.020">
        <testcase classname="load" name="verdict" time="10.020">
          <failure message="fail: p99&lt;10ms failed: it was 40.3 ms | a &lt;b&gt;">p99&lt;10ms failed: it was 40.3 ms | a &lt;b&gt;</failure>
        </testcase>
        <testcase classname="load.thresholds" name="p99&lt;10ms" time="0.000">
          <failure message="it was 40.3 ms, and the limit is 10.0 ms">it was 40.3 ms, and the limit is 10.0 ms</failure>
        </testcase>
        <testcase classname="load.thresholds" name="p99.9&lt;1s" time="0.000">
          <failure message="it was infinite, and the limit is 1.00 s">it was infinite, and the limit is 1.00 s</failure>
        </testcase>
        <testcase classname="load.thresholds" name="errors&lt;6%" time="0.000"/>
      </testsuite>
    </testsuites>
    "
  `);
});

test("JUnit: a run that was inconclusive or interrupted is an error, not a failure", () => {
  expect(loadJunit({ ...fixed, verdict: "inconclusive" })).toContain('<error message="inconclusive: p99');
  expect(loadJunit({ ...fixed, verdict: "pass", interrupted: true })).toContain('<error message="pass (interrupted)');
});

test("CSV: a row a window, a column for every cause and node of the run, quoted where it must be", () => {
  const windows = result.windows.map((window) => ({ ...window, errorsByCause: { 'odd, "cause"': window.counts.errors } }));
  const lines = loadCsv({ ...result, windows }).split("\n");
  expect(lines).toHaveLength(12);
  expect(lines[0]).toContain(',recall@10,freshness_p95_us,"errors_odd, ""cause""",node_q1_p99_us,node_q2_p99_us,node_q3_p99_us');
  const header = lines[0]!.replace('"errors_odd, ""cause"""', "errors").split(",");
  for (const [index, line] of lines.slice(1, 11).entries()) {
    const row = Object.fromEntries(line.split(",").map((cell, column) => [header[column], cell]));
    const window = result.windows[index]!;
    expect(row["ok"]).toBe(String(window.counts.ok));
    expect(row["responseTime_p99_us"]).toBe(String(window.responseTimeUs.p99));
    expect(row["node_q2_p99_us"]).toBe(String(window.perNode["q2"]?.serviceTimeUs.p99 ?? ""));
  }
  // The node was gone then: no figure rather than a zero.
  expect(lines[5]).toMatch(/,,[\d.]+$/);
});

const progress: LoadProgress = {
  elapsedMs: 1234.5,
  leftMs: 8765.5,
  counts: fixed.counts,
  responseP50Us: 2500,
  responseP95Us: undefined,
  responseP99Us: undefined,
  targetPerSec: 100,
  errorsByCause: { timeout: 35 },
  perNode: [],
};

test("progress as lines of JSON", () => {
  const line = progressLineJson(Date.UTC(2026, 0, 1), progress);
  expect(line.endsWith("}\n")).toBe(true);
  expect(line.trim()).not.toContain("\n");
  expect(JSON.parse(line)).toMatchObject({
    at: "2026-01-01T00:00:00.000Z",
    phase: "measure",
    elapsedMs: 1235,
    responseTimeUs: { p50: 2500, p95: null, p99: null },
    errorsByCause: { timeout: 35 },
  });
  expect(JSON.parse(progressLineJson(0, { ...progress, elapsedMs: -5 })).phase).toBe("warm-up");
  expect(JSON.parse(progressLineJson(0, { ...progress, leftMs: 0 })).phase).toBe("drain");
});
