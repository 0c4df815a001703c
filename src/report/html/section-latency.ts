import { formatDurationUs } from "../../units.ts";
import type { LoadResult } from "../../load/result.ts";
import { axisDuration, clockTime, duration, quantileName } from "./figures.ts";
import { distributionChart } from "./distribution-chart.ts";
import { markup, type Markup } from "./markup.ts";
import type { Model } from "./model.ts";
import { latencyLimits } from "./section-thresholds.ts";
import { htmlTable, section } from "./tables.ts";
import { timeChart } from "./time-chart.ts";

/** Response time by the second it was due in, with what happened meanwhile. */
export function latencySection(model: Model): Markup {
  const { series, axis, result } = model;
  const lines = (
    [
      ["p50", "t1", "p50Us"],
      ["p95", "t2", "p95Us"],
      ["p99", "t3", "p99Us"],
    ] as const
  ).map(([name, tone, field]) => ({ name, tone, values: series.points.map((point) => point[field]) }));
  const known = lines.filter(({ values }) => values.some((value) => value !== null));
  const chart = timeChart({
    label: "Response time over time: p50, p95 and p99",
    width: 1072,
    height: 290,
    time: axis,
    lines: known,
    limits: latencyLimits(result)
      .filter(({ q }) => q >= 0.5 && q < 1)
      .map(({ us, name, ok }) => ({ value: us, name, ok })),
    bandLabels: true,
    log: isWide(known.flatMap(({ values }) => values)),
    axis: axisDuration,
    exact: formatDurationUs,
    endLabels: true,
  });
  return section("latency", "Response time over time", latencyLead(model), chart);
}

function isWide(values: readonly (number | null)[]): boolean {
  const known = values.filter((value) => value !== null && value > 0) as number[];
  return known.length > 0 && Math.max(...known) / Math.min(...known) > 12;
}

function latencyLead({ series, axis }: Model): string {
  const { everySeconds } = series;
  const points = series.points.filter(({ p99Us }) => p99Us !== null);
  const worst = points.toSorted((a, b) => b.p99Us! - a.p99Us!)[0];
  if (!worst) return "No operation was ok.";
  const each = everySeconds === 1 ? "each second" : `every ${formatDurationUs(everySeconds * 1e6)}`;
  const kind = series.exact ? "" : " (of the worst window in each; the result held no histograms)";
  const during = axis.bands.find(({ from, to }) => from <= worst.second + everySeconds && to >= worst.second);
  return `Percentiles of ${each}, by when operations were due${kind}. p99 was worst at ${clockTime(worst.second)}${during ? `, during ${during.label}` : ""}: ${formatDurationUs(worst.p99Us!)}.`;
}

/** The whole run's distribution, response beside service time. */
export function distributionSection({ result, series }: Model): Markup | undefined {
  const { responseTimeUs: response, serviceTimeUs: service, scheduleLagUs: lag } = result;
  if (response.n === 0) return undefined;
  const chart = distributionChart({
    width: 708,
    height: 320,
    curves: [
      { name: "service", tone: "other", points: series.service, n: service.n },
      { name: "response", tone: "t3", points: series.response, n: response.n },
    ],
    limits: latencyLimits(result),
  });
  const names = { min: 0, p50: 0.5, p90: 0.9, p95: 0.95, p99: 0.99, p999: 0.999, max: 1 } as const;
  const cell = (summary: LoadResult["responseTimeUs"], name: keyof typeof names) => {
    const weak = (summary.unsupported as string[]).includes(name) && summary.n > 0;
    return weak ? markup`<span class="faint">~${duration(summary[name])}</span>` : duration(summary[name]);
  };
  const rows = (Object.keys(names) as (keyof typeof names)[]).map((name) => [
    name === "min" ? "min" : quantileName(names[name]),
    cell(response, name),
    cell(service, name),
    cell(lag, name),
  ]);
  const intervals = Object.entries(result.responseIntervalsUs).filter(([name]) => name === "p99" || name === "p999");
  const sure = intervals.map(
    ([name, { low, high }]) => `${name === "p999" ? "p99.9" : name}: 95 % interval ${duration(low)} – ${duration(high)}`,
  );
  const weak = response.unsupported.length > 0;
  return section(
    "distribution",
    "Distribution",
    "Response time counts from when the operation was due, service time from when it was sent; where the curves part, operations waited to be sent. Both axes are logarithmic.",
    markup`<div class="cols wide"><div>${chart}</div><div>${htmlTable(["", ">response", ">service", ">sent late by"], rows)}${sure.length > 0 && markup`<p class="faint">${sure.join("; ")}</p>`}${weak && markup`<p class="faint">~ fewer than ten samples lie beyond</p>`}</div></div>`,
  );
}
