import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Measurement, type MeasurementOptions } from "../../../src/load/measurement.ts";
import { LatencyHistogram, prepareHistograms } from "../../../src/load/recorder/histogram.ts";
import { rankOf } from "../../../src/load/recorder/quantiles.ts";
import { SampleReader, SampleWriter, type SampleChunk } from "../../../src/load/recorder/samples.ts";
import { planOf } from "../../../src/load/scenarios.ts";
import { constantRate } from "../../../src/load/schedules/constant.ts";
import { windowOf } from "../../../src/load/schedules/windows.ts";
import { parseThreshold } from "../../../src/load/thresholds.ts";
import { mergeRecords, type WindowRecord } from "../../../src/load/windows/record.ts";
import { WindowSeries } from "../../../src/load/windows/series.ts";
import { windowMsOf } from "../../../src/load/windows/length.ts";
import { seededRng } from "../../../src/runtime.ts";

let folder: string;
beforeAll(async () => {
  await prepareHistograms();
  folder = await mkdtemp(join(tmpdir(), "ragctl-measurement-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function measurement(options: Partial<MeasurementOptions> & { ratePerSec?: number } = {}): Measurement {
  const { ratePerSec = 100, ...rest } = options;
  return new Measurement({
    scenarios: [{ name: "search", operation: "search" }],
    durationUs: 60e6,
    timeoutUs: 5e6,
    dueBefore: (offsetUs) => Math.ceil((offsetUs / 1e6) * ratePerSec - 1e-9),
    thresholds: [],
    ...rest,
  });
}

const ok = (tick: number, responseUs: number) => ({
  window: tick,
  cause: undefined,
  responseUs,
  serviceUs: responseUs,
  lagUs: 0,
});

test.each([
  [3_600_000, 1000],
  [60_000, 1000],
  [59_000, 500],
  [30_000, 500],
  [12_000, 200],
  [10_000, 100],
  [1_000, 100],
])("a run of %d ms has windows of %d ms", (durationMs, windowMs) => expect(windowMsOf(durationMs)).toBe(windowMs));

describe("percentiles of several workers", () => {
  test("four workers, merged, are the union of their samples to HDR's precision, wherever each sample came from", async () => {
    const seed = 41;
    const rng = seededRng(seed);
    const whole = measurement({ ratePerSec: 10_000 });
    const everything: number[] = [];
    const workers = Array.from({ length: 4 }, () => {
      const reader = new SampleReader(whole.sink(0));
      return new SampleWriter((chunk: SampleChunk) => reader.read(structuredClone(chunk)));
    });
    for (let i = 0; i < 40_000; i++) {
      // Each worker sees another part of the distribution: a percentile of percentiles would be far off.
      const worker = i % 4;
      const us = Math.round((worker + 1) * 1000 * Math.exp(rng() * 4));
      everything.push(us);
      workers[worker]!.settled(ok(Math.floor(i / 1000), us));
    }
    for (const worker of workers) worker.flush();
    const { result } = whole.end();
    everything.sort((a, b) => a - b);
    for (const [name, q] of Object.entries({ p50: 0.5, p90: 0.9, p95: 0.95, p99: 0.99, p999: 0.999 })) {
      const exact = everything[rankOf(q, everything.length) - 1]!;
      const shown = result.responseTimeUs[name as "p50"]!;
      expect(Math.abs(shown - exact) / exact, `${name}, seed ${seed}`).toBeLessThan(0.001);
    }
    expect([result.responseTimeUs.min, result.responseTimeUs.max, result.responseTimeUs.n]).toEqual([
      everything[0],
      everything.at(-1),
      everything.length,
    ]);
    await whole.destroy();
  });
});

describe("windows", () => {
  test("go to disk as they close, in order, with all they hold; the result keeps their summary", async () => {
    const file = join(folder, "windows.ndjson");
    const seen: number[] = [];
    const m = measurement({ windowsFile: file, durationUs: 60e6, onWindow: ({ second }) => seen.push(second) });
    const sink = m.sink(0);
    for (let i = 0; i < 6000; i++) {
      const tick = Math.floor(i / 10);
      // The last of second 1 takes until second 5 is over.
      if (i === 199) continue;
      if (i === 600) sink.settled(ok(19, 4_000_000));
      sink.request(tick, { node: i % 2 ? "n1" : "n2", sentUs: 0, endUs: 900, outcome: "ok" });
      if (i % 50 === 0) sink.measured(tick, "recall@10", i < 3000 ? 1 : 0.5);
      if (i % 100 === 7) sink.settled({ ...ok(tick, 0), cause: "timeout" });
      else sink.settled(ok(tick, 1000 + (i % 100)));
    }
    // What comes when every window is closed counts all the same.
    sink.request(599, { node: "n3", sentUs: 0, endUs: 900, outcome: "timeout" });
    const { result } = m.end();
    expect(result.perNode.map(({ node, requests, errors }) => [node, requests, errors])).toEqual([
      ["n1", 2999, 0],
      ["n2", 3000, 0],
      ["n3", 1, 1],
    ]);
    expect(await m.destroy()).toBeUndefined();
    const lines = (await readFile(file, "utf8"))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as WindowRecord);
    expect(lines.map(({ startMs }) => startMs)).toEqual(Array.from({ length: 60 }, (_, second) => second * 1000));
    expect(seen).toEqual(Array.from({ length: 60 }, (_, second) => second));
    expect(lines[1]!.response).toMatchObject({ n: 99, max: 4_000_000 });
    expect(lines[1]!.errorsByCause).toEqual({ timeout: 1 });
    expect(lines[4]!.nodes).toMatchObject({ n1: { requests: 50, ok: 50 }, n2: { requests: 50 } });
    expect(result.windows).toHaveLength(60);
    expect(result.windows[1]).toMatchObject({ second: 1, seconds: 1, responseTimeUs: { max: 4_000_000 } });
    expect(result.windows[40]!.recall).toEqual({ "recall@10": { n: 2, mean: 0.5 } });
    expect(result.series).toBeUndefined();
    expect(result.recall).toMatchObject([{ k: 10, n: 120, mean: 0.75 }]);
    expect(result.counts).toMatchObject({ scheduled: 6000, ok: 5940, errors: 60 });
    // The histograms of the windows are, together, the histogram of the run.
    const union = new LatencyHistogram();
    for (const { response } of lines) union.addEncoded({ ...response!, hdr: response!.hdr! });
    expect(union.summary()).toEqual(result.responseTimeUs);
    union.destroy();
  });

  test("a short run has finer ones for comparisons, and seconds beside", async () => {
    const m = measurement({ durationUs: 3e6, ratePerSec: 100 });
    for (let i = 0; i < 300; i++) m.sink(0).settled(ok(Math.floor(i / 10), 1000));
    const { result } = m.end();
    expect(result.windows.map(({ second, counts }) => [second, counts.ok])).toEqual([
      [0, 100],
      [1, 100],
      [2, 100],
    ]);
    expect(result.series).toMatchObject({ windowMs: 100 });
    expect(result.series!.windows).toHaveLength(30);
    await m.destroy();
  });

  test("of closed loops close when their time is over; scenarios, caches and what comes late are told apart", async () => {
    const m = measurement({
      durationUs: 60e6,
      dueBefore: undefined,
      scenarios: [
        { name: "reads", operation: "search" },
        { name: "writes", operation: "upsert" },
      ],
    });
    const [reads, writes] = [m.sink(0), m.sink(1)];
    for (let tick = 0; tick < 100; tick++) {
      reads.settled({ ...ok(tick, 1000), cache: tick % 2 ? "hit" : "miss" });
      writes.settled(ok(tick, 9000));
    }
    expect(m.progress().responseP50Us).toBeUndefined();
    m.tick(8e6);
    expect(m.progress().responseP50Us).toBeDefined();
    expect(m.recorder.response.n).toBe(40);
    writes.measured(5, "freshness", 250_000);
    writes.measured(99, "freshness", Number.POSITIVE_INFINITY);
    const { result } = m.end();
    writes.measured(99, "freshness", 1);
    expect(result.perScenario.map(({ name, counts, responseTimeUs }) => [name, counts.ok, responseTimeUs.max])).toEqual([
      ["reads", 100, 1000],
      ["writes", 100, 9000],
    ]);
    expect(result.perCache.map(({ outcome, responseTimeUs }) => [outcome, responseTimeUs.n])).toEqual([
      ["miss", 50],
      ["hit", 50],
    ]);
    expect(result.times).toMatchObject([{ name: "freshness", never: 1, timeUs: { n: 1, max: 250_000 } }]);
    await m.destroy();
  });

  test.each([7, 30, 333.3, 999, 12_345.6])(
    "at %d/s close as soon as all has an outcome: few are held at a time, however long the run, whatever the rounding",
    async (ratePerSec) => {
      const schedule = constantRate({ ratePerSec, warmupUs: 1_234_567.8, durationUs: 60e6 });
      const scenario = { name: "search", operation: { kind: "search" }, timeoutUs: 5e6 };
      const executor = { kind: "constant-arrival-rate", ratePerSec, warmupUs: 1_234_567.8, durationUs: 60e6 };
      const { dueBefore } = planOf({ scenarios: [{ ...scenario, executor }] } as never);
      const m = measurement({ durationUs: 60e6, dueBefore });
      const sink = m.sink(0);
      for (let i = 0; i < schedule.total; i++) sink.settled(ok(windowOf(schedule, schedule.intendedUs(i)), 1000));
      expect(m.recorder.windowsHeld).toBe(1);
      const { result } = m.end();
      expect(result.windows).toHaveLength(60);
      expect(result.counts.scheduled).toBe(Math.round(60 * ratePerSec));
      await m.destroy();
    },
  );

  test("a long run's series stays below its bound, loses nothing, and merges neighbours alone", () => {
    const series = new WindowSeries(1000);
    const histogram = new LatencyHistogram();
    const windows = 5000;
    for (let second = 0; second < windows; second++) {
      histogram.reset();
      histogram.record(1000 + second);
      series.add({
        startMs: second * 1000,
        lengthMs: 1000,
        counts: { scheduled: 1, sent: 1, completed: 1, ok: 1, errors: 0, dropped: 0, unfinished: 0 },
        errorsByCause: {},
        droppedByCause: {},
        response: histogram.encoded()!,
        times: {},
        ratios: { "recall@10": { n: 1, sum: 1, sumSquares: 1 } },
        nodes: {},
        scenarios: {},
        caches: {},
      });
    }
    const records = series.list();
    expect(records.length).toBeLessThanOrEqual(1800);
    const lengthMs = records[0]!.lengthMs;
    expect(records.map(({ startMs }) => startMs)).toEqual(records.map((_, index) => index * lengthMs));
    expect(records.every((record) => record.lengthMs === lengthMs)).toBe(true);
    expect(records.reduce((sum, { counts }) => sum + counts.ok, 0)).toBe(windows);
    expect(records.reduce((sum, { ratios }) => sum + ratios["recall@10"]!.n, 0)).toBe(windows);
    expect(records[3]!.response).toMatchObject({ n: lengthMs / 1000, min: 1000 + 3 * (lengthMs / 1000) });
    expect(mergeRecords(records).response).toMatchObject({ n: windows, min: 1000, max: 1000 + windows - 1 });
    histogram.destroy();
  });
});

describe("thresholds while the run goes on", () => {
  const slowFrom = (from: number, options: Partial<MeasurementOptions>) => {
    const m = measurement({ durationUs: 60e6, ...options });
    const broken: [offsetSec: number, expression: string][] = [];
    for (let second = 0; second < 60; second++) {
      for (let i = 0; i < 100; i++) m.sink(0).settled(ok(second * 10 + Math.floor(i / 10), second < from ? 1000 : 500_000));
      const threshold = m.tick((second + 1) * 1e6);
      if (threshold) broken.push([second + 1, threshold.expression]);
    }
    const { thresholds } = m.end();
    void m.destroy();
    return { broken, results: thresholds.map(({ result }) => result) };
  };
  const threshold = (expression: string, more: object = {}) => parseThreshold({ expression, source: "flag", ...more });

  test("over windows, the worst one decides", () => {
    const { results } = slowFrom(57, {
      thresholds: [
        threshold("p90<100ms"),
        threshold("p90<100ms", { windowUs: 10e6 }),
        threshold("p50<100ms", { windowUs: 10e6 }),
      ],
    });
    expect(results.map((result) => result.ok)).toEqual([true, false, true]);
    expect(results[1]!.windows).toEqual({ lengthMs: 10_000, count: 6, failed: 1, worstAtMs: 50_000 });
    expect(results[1]!.actual).toBeGreaterThan(499_000);
  });

  test("abortOnFail ends it, after its delay and not before", () => {
    const { broken } = slowFrom(0, { thresholds: [threshold("p90<100ms", { abortAfterUs: 10e6 })] });
    expect(broken[0]).toEqual([10, "p90<100ms"]);
    const held = slowFrom(60, { thresholds: [threshold("p90<100ms", { abortAfterUs: 0 })] });
    expect(held.broken).toEqual([]);
  });

  test("one scenario's threshold sees that scenario alone", async () => {
    const scenarios = [
      { name: "reads", operation: "search" },
      { name: "writes", operation: "upsert" },
    ];
    const thresholds = ["search.responseTime: p99<100ms", "writes.responseTime: p99<100ms", "p99<100ms"].map((expression) =>
      threshold(expression),
    );
    const m = measurement({ scenarios, thresholds, durationUs: 60e6, ratePerSec: 200 });
    for (let i = 0; i < 6000; i++) {
      m.sink(0).settled(ok(Math.floor(i / 10), 1000));
      m.sink(1).settled(ok(Math.floor(i / 10), 500_000));
    }
    expect(m.end().thresholds.map(({ result }) => result.ok)).toEqual([true, false, false]);
    await m.destroy();
  });

  test("what was never measured is not kept", async () => {
    const m = measurement({ thresholds: [threshold("freshness: p95<2s"), threshold("recall@10>0.5")] });
    m.sink(0).settled(ok(0, 1000));
    expect(m.end().thresholds.map(({ result }) => [result.ok, result.n, result.actual])).toEqual([
      [false, 0, null],
      [false, 0, null],
    ]);
    await m.destroy();
  });
});
