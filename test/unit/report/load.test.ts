import { expect, test } from "vitest";
import type { LoadResult } from "../../../src/load/result.ts";
import { barPlot, logAxis } from "../../../src/report/load-plot.ts";
import { loadReport } from "../../../src/report/load.ts";
import { makeStyle } from "../../../src/report/style.ts";
import { visibleWidth } from "../../../src/report/table.ts";
import { noStatistics } from "../../helpers/load-result.ts";

const style = makeStyle({ color: false, columns: 80 });

const summary = (scale: number): LoadResult["responseTimeUs"] => ({
  n: 4890,
  min: 400 * scale,
  mean: 1400 * scale,
  p50: 1100 * scale,
  p90: 2300 * scale,
  p95: 3900 * scale,
  p99: 17_300 * scale,
  p999: 240_000 * scale,
  max: 501_000 * scale,
  unsupported: ["p999"],
});

const result: LoadResult = {
  verdict: "fail",
  reasons: ["p99<10ms failed: it was 17.3 ms"],
  interrupted: false,
  target: {
    kind: "search",
    cluster: "prod",
    topology: "routed",
    collection: "docs",
    k: 10,
    ef: null,
    queries: { from: "the collection's own points", count: 1000, dim: 384 },
    nodes: [{ id: "q1", url: "http://q1" }],
  },
  spec: {
    executor: "constant-arrival-rate",
    ratePerSec: 500,
    warmupMs: 2000,
    durationMs: 10_000,
    timeoutMs: 5000,
    maxInFlight: 1000,
    workers: 1,
    seed: 1,
  },
  scenarios: [
    {
      name: "search",
      tags: {},
      operation: "search",
      executor: "constant-arrival-rate",
      startMs: 0,
      durationMs: 10_000,
      ratePerSec: 500,
    },
  ],
  startedAt: "2026-01-01T00:00:00.000Z",
  elapsedMs: 10_020,
  counts: { scheduled: 5000, sent: 4990, completed: 4990, ok: 4890, errors: 100, dropped: 10, unfinished: 0 },
  errorsByCause: { timeout: 90, partial: 10 },
  droppedByCause: { "in-flight-target": 10, "in-flight-generator": 0, late: 0, sockets: 0 },
  rates: { targetPerSec: 500, sentPerSec: 499, completedPerSec: 498 },
  responseTimeUs: summary(1),
  serviceTimeUs: summary(0.5),
  scheduleLagUs: { ...summary(1), p50: 12, p99: 310, unsupported: [] },
  thresholds: [
    {
      expression: "p99<10ms",
      source: "flag",
      ok: false,
      actual: 17_300,
      actualServiceTime: 8650,
      unit: "us",
      limit: 10_000,
      n: 5000,
    },
    {
      expression: "p99.9<1s",
      source: "flag",
      ok: false,
      actual: null,
      actualServiceTime: null,
      unit: "us",
      limit: 1_000_000,
      n: 5000,
    },
    { expression: "errors<5%", source: "objective", ok: true, actual: 0.022, unit: "fraction", limit: 0.05, n: 5000 },
  ],
  perNode: [{ node: "q1", requests: 9000, ok: 8910, errors: 90, errorsByCause: { timeout: 90 }, serviceTimeUs: summary(0.4) }],
  generator: {
    colocated: true,
    cores: 2,
    node: "26.0.0",
    platform: "linux",
    workers: [
      {
        busy: 0.21,
        cpu: 0.18,
        eventLoopDelayUs: { p50: 15, p99: 80, max: 900 },
        connectionsOpened: null,
        gc: { share: 0.01, longestUs: 900, count: 3 },
      },
    ],
    pacer: { cpu: 0.04, wakes: 5000, oversleepUs: 80, spinUs: 20 },
  },
  events: [],
  windows: [],
  responseIntervalsUs: {},
  perScenario: [],
  perCache: [],
  times: [],
  recall: [],
  audit: [],
  abortedBy: null,
};

test("the verdict leads; everything fits 80 columns", () => {
  const text = loadReport(result, style);
  expect(text).toMatchInlineSnapshot(`
    "fail · 499/s sent of 500/s for 10.0 s
    search of docs, k 10, on cluster prod
      p99<10ms failed: it was 17.3 ms

            threshold       was
    failed  p99<10ms    17.3 ms
    failed  p99.9<1s   infinite
    ok      errors<5%    2.20 %  objective of the cluster

    5,000 scheduled · 4,990 sent · 4,890 ok · 100 errors · 10 dropped · 0 unfinished
      errors: timeout 90, partial 10
      dropped: in-flight-target 10

           response time                       service time
    p50      1.10 ms ██████▎                      550 µs ████▌
    p90      2.30 ms ████████▏                   1.15 ms ██████▍
    p95      3.90 ms █████████▌                  1.95 ms ███████▊
    p99      17.3 ms █████████████▍              8.65 ms ███████████▋
    p99.9          -                                   -
    max       501 ms ██████████████████████▎      251 ms ████████████████████▍
           bars: 100 µs to 1.00 s, log scale
    - not shown: fewer than ten samples lie beyond
    schedule lag p50 12 µs, p99 310 µs

    node  requests  errors     p50      p99     max
    q1       9,000      90  440 µs  6.92 ms  200 ms  timeout 90

    generator: 1 worker, busiest 21.0 % of the time, pacer 4.00 % of a core
    the target shares this machine's 2 cores with the generator"
  `);
  for (const line of text.split("\n")) expect(visibleWidth(line)).toBeLessThanOrEqual(80);
});

test("a run without a single answer still reports", () => {
  const text = loadReport(
    { ...result, responseTimeUs: noStatistics, serviceTimeUs: noStatistics, scheduleLagUs: noStatistics, perNode: [] },
    style,
  );
  expect(text).toMatch(/^p99 +- +-$/m);
  expect(text).not.toContain("fewer than ten");
});

test("the axis is whole powers of ten around the values", () => {
  expect(logAxis([])).toBeUndefined();
  expect(logAxis([1200, null, 45_000])).toEqual({ fromUs: 1000, toUs: 100_000 });
  expect(logAxis([1000])).toEqual({ fromUs: 1000, toUs: 10_000 });
  expect(logAxis([0])).toEqual({ fromUs: 1, toUs: 10 });
});

test("a bar is as long as its logarithm", () => {
  const column = { title: "t", valuesUs: [1000, 10_000, 100_000] };
  const lengths = barPlot(["a", "b", "c"], [column], style)
    .slice(1, 4)
    .map((line) => (line.match(/█/g) ?? []).length);
  const whole = lengths[2]!;
  expect(whole).toBeGreaterThan(40);
  expect(lengths[1]).toBe(Math.floor(whole / 2));
  expect(lengths[0]).toBe(0);
});
