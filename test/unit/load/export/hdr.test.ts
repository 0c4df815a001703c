import { build, decodeFromCompressedBase64, HistogramLogReader, type Histogram } from "hdr-histogram-js";
import { beforeAll, describe, expect, test } from "vitest";
import { histogramLog } from "../../../../src/load/export/hlog.ts";
import { percentileDistribution } from "../../../../src/load/export/hgrm.ts";
import { LatencyHistogram, prepareHistograms } from "../../../../src/load/recorder/histogram.ts";
import { seededRng } from "../../../../src/runtime.ts";
import { sampleRun } from "../../../helpers/load-result.ts";

beforeAll(prepareHistograms);

/** Every bucket with its count. */
function buckets(histogram: Histogram): [value: number, count: number][] {
  const walkable = histogram as unknown as {
    countsArrayLength: number;
    getCountAtIndex(index: number): number;
    valueFromIndex(index: number): number;
  };
  return Array.from({ length: walkable.countsArrayLength }, (_, index) => index)
    .filter((index) => walkable.getCountAtIndex(index) > 0)
    .map((index) => [walkable.valueFromIndex(index), walkable.getCountAtIndex(index)]);
}

describe("the histogram log", () => {
  const { result } = sampleRun({ seconds: 12, ratePerSec: 100 });
  const log = histogramLog(result, "0.1.0");

  test("is read back by HdrHistogram's own reader, every interval identical", () => {
    const reader = new HistogramLogReader(log);
    for (const window of result.windows) {
      const read = reader.nextIntervalHistogram()!;
      expect(read.tag).toBe("response-time");
      expect(read.startTimeStampMsec).toBe(Date.parse(result.startedAt) + window.second * 1000);
      expect(read.endTimeStampMsec - read.startTimeStampMsec).toBe(1000);
      expect(buckets(read)).toEqual(buckets(decodeFromCompressedBase64(window.responseHistogram!)));
      expect(read.totalCount).toBe(window.counts.ok);
    }
    expect(reader.nextIntervalHistogram()).toBeNull();
  });

  test("its intervals merge to the whole run", () => {
    const reader = new HistogramLogReader(log);
    const merged = build({ bitBucketSize: 32, highestTrackableValue: 3_600_000_000, numberOfSignificantValueDigits: 3 });
    for (let read = reader.nextIntervalHistogram(); read; read = reader.nextIntervalHistogram()) merged.add(read);
    expect(buckets(merged)).toEqual(buckets(decodeFromCompressedBase64(result.histograms!.responseTime)));
  });

  test("begins as the format 1.3 does", () => {
    expect(log.split("\n").slice(0, 5)).toMatchInlineSnapshot(`
      [
        "#[Logged with ragctl 0.1.0; values in microseconds, response times of ok operations]",
        "#[Histogram log format version 1.3]",
        "#[StartTime: 1772530200.000 (seconds since epoch), 2026-03-03T09:30:00.000Z]",
        "#[BaseTime: 1772530200.000 (seconds since epoch)]",
        ""StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"",
      ]
    `);
    expect(log.split("\n")[5]).toMatch(/^Tag=response-time,0\.000,1\.000,\d+\.\d{3},HIST[A-Za-z0-9+/]+=*$/);
  });
});

test("what the recorder's histograms encode is decoded with every sample in its bucket", () => {
  const seed = 5;
  const rng = seededRng(seed);
  const histogram = new LatencyHistogram();
  const reference = build({ bitBucketSize: 32, highestTrackableValue: 3_600_000_000, numberOfSignificantValueDigits: 3 });
  for (let index = 0; index < 5000; index++) {
    const us = Math.round(10 ** (rng() * 8));
    histogram.record(us);
    reference.recordValue(us);
  }
  expect(buckets(decodeFromCompressedBase64(histogram.encode())), `seed ${seed}`).toEqual(buckets(reference));
  histogram.destroy();
});

test("the percentile distribution is HdrHistogram's, in milliseconds", () => {
  const { result } = sampleRun({ seconds: 5, ratePerSec: 100, fault: false });
  const text = percentileDistribution(result);
  expect(text).toMatch(/^ +Value +Percentile +TotalCount 1\/\(1-Percentile\)/);
  const last = text.split("\n").find((line) => line.includes("1.000000000000"))!;
  expect(Number(last.trim().split(/\s+/)[0])).toBeCloseTo(result.responseTimeUs.max! / 1000, 1);
  expect(text).toContain(`Total count    =          ${result.counts.ok}]`);
});

test("without histograms there is none, and it says where they are", () => {
  const { result } = sampleRun({ seconds: 5, ratePerSec: 10 });
  const { histograms: _, ...rest } = result;
  const windows = result.windows.map(({ responseHistogram: __, ...window }) => window);
  expect(() => percentileDistribution({ ...rest, windows })).toThrow(/no histograms/);
});
