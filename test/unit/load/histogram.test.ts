import { decodeFromCompressedBase64 } from "hdr-histogram-js";
import { beforeAll, describe, expect, test } from "vitest";
import { LatencyHistogram, prepareHistograms } from "../../../src/load/recorder/histogram.ts";
import { isSupported, rankOf } from "../../../src/load/recorder/quantiles.ts";
import { SampleReader, SampleWriter, type SampleChunk } from "../../../src/load/recorder/samples.ts";
import { Recorder } from "../../../src/load/recorder/recorder.ts";
import { seededRng, type Rng } from "../../../src/runtime.ts";

beforeAll(prepareHistograms);

/** Latencies as they are: most around a millisecond, a long tail, some in seconds. */
function latencyUs(rng: Rng): number {
  return Math.round(Math.exp(6.5 + 1.2 * (rng() + rng() + rng() - 1.5) + (rng() < 0.02 ? 4 * rng() : 0)));
}

describe("latency histogram", () => {
  test("the merge of four workers is the union of their samples", () => {
    const seed = 20_261;
    const rng = seededRng(seed);
    const union = new LatencyHistogram();
    const merged = new LatencyHistogram();
    const all: number[] = [];
    for (let worker = 0; worker < 4; worker++) {
      const own = new LatencyHistogram();
      for (let i = 0; i < 5000; i++) {
        const us = latencyUs(rng);
        all.push(us);
        own.record(us);
        union.record(us);
      }
      merged.add(own);
    }
    expect(merged.summary()).toEqual(union.summary());
    expect(merged.encode()).toBe(union.encode());
    all.sort((a, b) => a - b);
    for (const q of [0.5, 0.9, 0.95, 0.99, 0.999]) {
      const exact = all[rankOf(q, all.length) - 1]!;
      expect(Math.abs(merged.quantile(q)! - exact) / exact, `q ${q}, seed ${seed}`).toBeLessThan(0.001);
    }
    expect(merged.summary()).toMatchObject({ n: 20_000, min: all[0], max: all.at(-1) });
  });

  test("three digits from a microsecond to an hour; beyond is taken for an hour", () => {
    for (const us of [1, 7, 999, 12_345, 1_234_567, 987_654_321, 3_599_000_000]) {
      const histogram = new LatencyHistogram();
      histogram.record(us);
      histogram.record(0);
      expect(Math.abs(histogram.atRank(2) - us) / us).toBeLessThan(0.001);
    }
    const histogram = new LatencyHistogram();
    histogram.record(1e12);
    histogram.record(-3);
    expect(histogram.summary()).toMatchObject({ min: 0, max: 3_600_000_000 });
  });

  test("other tools read what it writes", () => {
    const histogram = new LatencyHistogram();
    for (let us = 1; us <= 10_000; us++) histogram.record(us);
    const read = decodeFromCompressedBase64(histogram.encode());
    expect(read.totalCount).toBe(10_000);
    expect(read.getValueAtPercentile(99)).toBe(histogram.quantile(0.99));
  });

  test("no samples: no figures", () => {
    expect(new LatencyHistogram().summary()).toMatchObject({ n: 0, min: null, mean: null, p99: null, max: null });
  });

  test("a reset one is as good as new", () => {
    const histogram = new LatencyHistogram();
    histogram.record(5000);
    histogram.reset();
    histogram.record(7);
    expect(histogram.summary()).toMatchObject({ n: 1, min: 7, mean: 7, p50: 7, p999: 7, max: 7 });
  });
});

test.each([
  [0.5, 1, 1],
  [0.5, 4, 2],
  [0.95, 20, 19],
  [0.99, 100, 99],
  [0.999, 1000, 999],
  [0.999, 500, 500],
  [1, 7, 7],
])("rank of quantile %d among %d is %d", (q, n, rank) => expect(rankOf(q, n)).toBe(rank));

test.each([
  [0.99, 999, false],
  [0.99, 1000, true],
  [0.999, 9_999, false],
  [0.999, 10_000, true],
  [0.5, 19, false],
  [0.5, 20, true],
])("a percentile %d of %d samples has ten beyond it: %s", (q, n, supported) => expect(isSupported(q, n)).toBe(supported));

test("samples survive the way from a worker to the main thread, chunk by chunk", () => {
  const seed = 77;
  const rng = seededRng(seed);
  const chunks: SampleChunk[] = [];
  const writer = new SampleWriter((chunk) => chunks.push(structuredClone(chunk)));
  const recorderOf = () => new Recorder({ dueIn: () => Infinity, onWindow: () => {} });
  const [direct, carried] = [recorderOf(), recorderOf()];
  const causes = [undefined, undefined, undefined, "timeout", "reset", "status-503"];
  for (let i = 0; i < 10_000; i++) {
    const window = Math.floor(rng() * 4) - 1;
    const responseUs = latencyUs(rng);
    const sample = {
      window,
      cause: causes[Math.floor(rng() * causes.length)],
      responseUs,
      serviceUs: responseUs - 1,
      cache: i % 2 ? "hit" : undefined,
    };
    const request = {
      node: `n${i % 3}`,
      sentUs: 1e9,
      endUs: 1e9 + responseUs,
      outcome: i % 7 === 0 ? ("timeout" as const) : ("ok" as const),
    };
    for (const sink of [writer, direct.sink(0)]) {
      sink.settled({ ...sample, lagUs: i % 5 === 0 ? undefined : 3 });
      sink.request(window, request);
      if (i % 11 === 0) sink.dropped(window, "sockets");
      if (i % 13 === 0) sink.unfinished(window);
      if (i % 17 === 0) sink.measured(window, "recall@10", (i % 11) / 10);
      if (i % 19 === 0) sink.measured(window, "freshness", i % 5 === 0 ? Number.POSITIVE_INFINITY : responseUs);
    }
  }
  writer.flush();
  expect(chunks.length).toBeGreaterThan(5);
  const reader = new SampleReader(carried.sink(0));
  for (const chunk of chunks) reader.read(chunk);
  for (const recorder of [direct, carried]) recorder.end();
  for (const what of ["counts", "errorsByCause", "droppedByCause"] as const) expect(carried[what]).toEqual(direct[what]);
  for (const what of ["response", "service", "lag"] as const) expect(carried[what].summary()).toEqual(direct[what].summary());
  expect(carried.nodes()).toEqual(direct.nodes());
  expect(carried.totals.caches.get("hit")!.summary()).toEqual(direct.totals.caches.get("hit")!.summary());
  expect(direct.totals.caches.get("hit")!.n).toBeGreaterThan(1000);
  const [time, other] = [carried, direct].map(({ all }) => all.times.get("freshness")!);
  expect(time!.times.summary()).toEqual(other!.times.summary());
  expect([time!.never, other!.never > 10]).toEqual([other!.never, true]);
  const [recall, expected] = [carried, direct].map(({ all }) => all.ratios.get("recall@10")!);
  expect(recall!.n).toBe(expected!.n);
  expect(recall!.sum).toBeCloseTo(expected!.sum, 6);
  expect(direct.nodes().map(({ node }) => node)).toEqual(["n0", "n1", "n2"]);
});
