import type { Histogram } from "hdr-histogram-js";
import type { LoadResult } from "../result.ts";
import { decodeHistogram, mergeHistograms } from "./decode.ts";
import type { LoadSeries, QuantilePoint, SeriesPoint } from "./result.ts";

/** More points than this a chart cannot show apart. */
const mostPoints = 360;
const pointsPerDecade = 16;

type Window = LoadResult["windows"][number];

/** Figures over time and the distribution, from the histograms of a result, or as far as its summaries go. */
export function loadSeries(result: LoadResult): LoadSeries {
  const { windows, histograms, responseTimeUs, serviceTimeUs } = result;
  const totalSeconds = windows.length === 0 ? 1 : windows.at(-1)!.second + 1;
  const everySeconds = stretchOf(totalSeconds, 1);
  const groups = Map.groupBy(windows, ({ second }) => Math.floor(second / everySeconds));
  const exact = windows.every(({ counts, responseHistogram }) => counts.ok === 0 || responseHistogram !== undefined);
  const points = Array.from({ length: Math.ceil(totalSeconds / everySeconds) }, (_, index) =>
    pointOf(index * everySeconds, groups.get(index) ?? [], exact),
  );
  return {
    everySeconds,
    totalSeconds,
    points,
    exact,
    response: curveOf(responseTimeUs, histograms?.responseTime),
    service: curveOf(serviceTimeUs, histograms?.serviceTime),
  };
}

/** Seconds a point: a length that people count in, of whole windows, so that there are at most `mostPoints`. */
export function stretchOf(totalSeconds: number, windowSeconds: number): number {
  const lengths = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];
  if (totalSeconds / windowSeconds <= mostPoints) return windowSeconds;
  return lengths.find((each) => each % windowSeconds === 0 && totalSeconds / each <= mostPoints) ?? 3600;
}

function pointOf(second: number, windows: readonly Window[], exact: boolean): SeriesPoint {
  const sum = (name: keyof Window["counts"]) => windows.reduce((total, { counts }) => total + counts[name], 0);
  const worst = (of: (window: Window) => number | null) => {
    const known = windows.map(of).filter((value) => value !== null);
    return known.length === 0 ? null : Math.max(...known);
  };
  const histogram = exact
    ? mergeHistograms(windows.flatMap(({ counts, responseHistogram }) => (counts.ok > 0 ? responseHistogram! : [])))
    : undefined;
  const at = (percentile: number, summary: (window: Window) => number | null) =>
    histogram ? histogram.getValueAtPercentile(percentile) : worst(summary);
  return {
    second,
    counts: {
      scheduled: sum("scheduled"),
      ok: sum("ok"),
      errors: sum("errors"),
      dropped: sum("dropped"),
      unfinished: sum("unfinished"),
    },
    p50Us: at(50, ({ responseTimeUs }) => responseTimeUs.p50),
    p95Us: at(95, () => null),
    p99Us: at(99, ({ responseTimeUs }) => responseTimeUs.p99),
    maxUs: worst(({ responseTimeUs }) => responseTimeUs.max),
    lagP99Us: worst(({ scheduleLagUs }) => scheduleLagUs.p99),
    nodes: {},
    ratios: {},
    timesP95Us: {},
  };
}

/** The distribution from its minimum to its maximum. */
function curveOf(summary: LoadResult["responseTimeUs"], encoded: string | undefined): QuantilePoint[] {
  const { n, min, max, p50, p90, p95, p99, p999 } = summary;
  if (n === 0 || min === null || max === null) return [];
  const known = Object.entries({ 0.5: p50, 0.9: p90, 0.95: p95, 0.99: p99, 0.999: p999 });
  const inner =
    encoded === undefined
      ? known.flatMap(([q, us]) => (us === null ? [] : [{ q: Number(q), us }]))
      : quantileCurve(decodeHistogram(encoded), n);
  return [{ q: 0, us: min }, ...inner.map(({ q, us }) => ({ q, us: Math.min(max, Math.max(min, us)) })), { q: 1, us: max }];
}

/** Quantiles at equal steps of log 1/(1 − q), as far as single samples go. */
function quantileCurve(histogram: Histogram, n: number): QuantilePoint[] {
  const steps = Math.floor(Math.log10(n) * pointsPerDecade);
  return Array.from({ length: steps }, (_, index) => {
    const q = 1 - 10 ** (-(index + 1) / pointsPerDecade);
    return { q, us: histogram.getValueAtPercentile(q * 100) };
  });
}
