import type { Histogram } from "hdr-histogram-js";
import type { LoadResult } from "../result.ts";
import { decodeHistogram, mergeHistograms } from "./decode.ts";
import type { LoadSeries, QuantilePoint, RatioPoint, SeriesPoint } from "./result.ts";

/** More points than this a chart cannot show apart. */
const mostPoints = 360;
const pointsPerDecade = 16;

type Window = LoadResult["windows"][number];

/** Figures over time and the distribution, from the histograms of a result, or as far as its summaries go. */
export function loadSeries(result: LoadResult): LoadSeries {
  const { windows, histograms, responseTimeUs, serviceTimeUs } = result;
  const last = windows.at(-1);
  const totalSeconds = last ? last.second + last.seconds : 1;
  const everySeconds = stretchOf(totalSeconds, Math.max(1, ...windows.map(({ seconds }) => seconds)));
  const groups = Map.groupBy(windows, ({ second }) => Math.floor(second / everySeconds));
  const merges = [...groups.values()].some((group) => group.length > 1);
  const exact = !merges || windows.every(({ counts, responseHistogram }) => counts.ok === 0 || responseHistogram !== undefined);
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
  const lengths = [1, 2, 4, 5, 8, 10, 15, 16, 30, 32, 60, 64, 120, 128, 256, 300, 600, 900, 1800, 3600];
  const fits = (each: number) => each % windowSeconds === 0 && totalSeconds / each <= mostPoints;
  return fits(windowSeconds)
    ? windowSeconds
    : (lengths.find(fits) ?? windowSeconds * Math.ceil(totalSeconds / windowSeconds / mostPoints));
}

function pointOf(second: number, windows: readonly Window[], exact: boolean): SeriesPoint {
  const sum = (name: keyof Window["counts"]) => windows.reduce((total, { counts }) => total + counts[name], 0);
  const worst = (of: (window: Window) => number | null) => highest(windows.map(of));
  const histogram =
    exact && windows.length > 1
      ? mergeHistograms(windows.flatMap(({ counts, responseHistogram }) => (counts.ok > 0 ? responseHistogram! : [])))
      : undefined;
  const at = (percentile: number, name: "p50" | "p95" | "p99") =>
    histogram ? histogram.getValueAtPercentile(percentile) : worst(({ responseTimeUs }) => responseTimeUs[name]);
  return {
    second,
    counts: {
      scheduled: sum("scheduled"),
      ok: sum("ok"),
      errors: sum("errors"),
      dropped: sum("dropped"),
      unfinished: sum("unfinished"),
    },
    errorsByCause: Object.fromEntries(
      namesOf(windows, ({ errorsByCause }) => errorsByCause).map((cause) => [
        cause,
        windows.reduce((total, { errorsByCause }) => total + (errorsByCause[cause] ?? 0), 0),
      ]),
    ),
    p50Us: at(50, "p50"),
    p95Us: at(95, "p95"),
    p99Us: at(99, "p99"),
    maxUs: worst(({ responseTimeUs }) => responseTimeUs.max),
    lagP99Us: worst(({ scheduleLagUs }) => scheduleLagUs.p99),
    nodes: Object.fromEntries(
      namesOf(windows, ({ perNode }) => perNode).map((node) => [
        node,
        nodePoint(windows.flatMap(({ perNode }) => perNode[node] ?? [])),
      ]),
    ),
    ratios: Object.fromEntries(
      namesOf(windows, ({ recall }) => recall).map((name) => [
        name,
        ratioPoint(windows.flatMap(({ recall }) => recall?.[name] ?? [])),
      ]),
    ),
    timesP95Us: Object.fromEntries(
      namesOf(windows, ({ times }) => times).map((name) => [name, worst(({ times }) => times?.[name]?.p95 ?? null)]),
    ),
  };
}

function nodePoint(parts: readonly Window["perNode"][string][]): SeriesPoint["nodes"][string] {
  const sum = (name: "requests" | "errors") => parts.reduce((total, part) => total + part[name], 0);
  return {
    requests: sum("requests"),
    errors: sum("errors"),
    p50Us: highest(parts.map(({ serviceTimeUs }) => serviceTimeUs.p50)),
    p99Us: highest(parts.map(({ serviceTimeUs }) => serviceTimeUs.p99)),
  };
}

/** Values from 0 to 1 with mean m have a variance of at most m (1 − m). */
function ratioPoint(parts: readonly { n: number; mean: number }[]): RatioPoint {
  const n = parts.reduce((total, part) => total + part.n, 0);
  const mean = n === 0 ? 0 : parts.reduce((total, part) => total + part.mean * part.n, 0) / n;
  const half = n === 0 ? 1 : 1.96 * Math.sqrt(Math.max(0, mean * (1 - mean)) / n);
  return { mean, low: Math.max(0, mean - half), high: Math.min(1, mean + half), n };
}

function namesOf(windows: readonly Window[], of: (window: Window) => object | undefined): string[] {
  return [...new Set(windows.flatMap((window) => Object.keys(of(window) ?? {})))];
}

function highest(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
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
