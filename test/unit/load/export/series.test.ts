import { expect, test } from "vitest";
import { joinWindows } from "../../../../src/load/export/join.ts";
import { loadSeries, stretchOf } from "../../../../src/load/export/series.ts";
import { sampleRun } from "../../../helpers/load-result.ts";

test.each([
  [60, 1, 1],
  [360, 1, 1],
  [361, 1, 2],
  [3600, 1, 10],
  [3600, 2, 10],
  [3600, 4, 16],
  [86_400, 64, 256],
  [864_000, 512, 2560],
])("%d s in windows of %d s: a point every %d s", (total, window, every) => {
  expect(stretchOf(total, window)).toBe(every);
  expect(every % window).toBe(0);
});

test("every second is a point, and the points hold what the windows hold", () => {
  const { result, series } = sampleRun({ seconds: 20, ratePerSec: 50 });
  expect(series).toMatchObject({ everySeconds: 1, totalSeconds: 20, exact: true });
  expect(series.points).toHaveLength(20);
  const sum = (name: "ok" | "errors" | "dropped") => series.points.reduce((total, { counts }) => total + counts[name], 0);
  expect([sum("ok"), sum("errors"), sum("dropped")]).toEqual([result.counts.ok, result.counts.errors, result.counts.dropped]);
  expect(series.points[3]!.p95Us).toBe(result.windows[3]!.responseTimeUs.p95);
  expect(Object.keys(series.points[0]!.nodes)).toEqual(["q1", "q2", "q3"]);
  // Node q2 is gone meanwhile.
  expect(Object.keys(series.points[8]!.nodes)).toEqual(["q1", "q3"]);
});

test("a long run is put together from its histograms: percentiles of the union, not of the worst second", () => {
  const { result, series } = sampleRun({ seconds: 722, ratePerSec: 20 });
  expect(series.everySeconds).toBe(4);
  expect(series.points).toHaveLength(181);
  expect(series.points[0]!.counts.scheduled).toBe(80);
  expect(series.exact).toBe(true);
  const seconds = result.windows.slice(0, 4).map(({ responseTimeUs }) => responseTimeUs.p50!);
  expect(series.points[0]!.p50Us).toBeGreaterThanOrEqual(Math.min(...seconds));
  expect(series.points[0]!.p50Us).toBeLessThan(Math.max(...seconds));
  const bare = { ...result, windows: result.windows.map((window) => Object.assign(window, { responseHistogram: undefined })) };
  expect(loadSeries(bare).exact).toBe(false);
  expect(loadSeries(bare).points[0]!.p50Us).toBe(Math.max(...seconds));
});

test("the curve rises from the minimum to the maximum", () => {
  const { result, series } = sampleRun({ seconds: 20, ratePerSec: 50 });
  for (const curve of [series.response, series.service]) {
    expect(curve.every(({ q, us }, index) => index === 0 || (q > curve[index - 1]!.q && us >= curve[index - 1]!.us))).toBe(true);
    expect(curve.length).toBeGreaterThan(30);
  }
  expect(series.response[0]).toEqual({ q: 0, us: result.responseTimeUs.min });
  expect(series.response.at(-1)).toEqual({ q: 1, us: result.responseTimeUs.max });
});

test("a run without windows or samples has a series too", () => {
  const { result } = sampleRun({ seconds: 3, ratePerSec: 10, fault: false });
  const none = { ...result.responseTimeUs, n: 0, min: null, max: null, p50: null };
  const series = loadSeries({ ...result, windows: [], responseTimeUs: none, serviceTimeUs: none });
  expect(series).toMatchObject({ totalSeconds: 1, response: [], service: [] });
});

test("joined windows add up, and keep the worse percentiles", () => {
  const { result } = sampleRun({ seconds: 10, ratePerSec: 100 });
  const [a, b] = [result.windows[2]!, result.windows[4]!];
  const joined = joinWindows(a, b);
  expect(joined.counts.ok).toBe(a.counts.ok + b.counts.ok);
  expect(joined.counts.scheduled).toBe(200);
  expect(joined.responseTimeUs.p99).toBe(Math.max(a.responseTimeUs.p99!, b.responseTimeUs.p99!));
  expect(joined.perNode["q2"]!.requests).toBe(a.perNode["q2"]!.requests);
  expect(joined).not.toHaveProperty("responseHistogram");
});
