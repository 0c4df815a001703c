import { formatDurationUs } from "../../units.ts";
import { truthLines } from "../load-figures.ts";
import { axisDuration } from "./figures.ts";
import { markup, type Markup } from "./markup.ts";
import type { Model } from "./model.ts";
import { spaced } from "./section-splits.ts";
import { section } from "./tables.ts";
import { timeChart } from "./time-chart.ts";

/** What latency does not say: whether the answers were right, and how soon writes were found. */
export function qualitySection(model: Model): Markup | undefined {
  const charts = [...ratioCharts(model), ...timeCharts(model)];
  if (charts.length === 0) return undefined;
  const lead =
    "Recall is the share of the true neighbours that answers held, with its 95 % interval at the widest; latency that holds while it falls is a failure.";
  const hasRecall = model.series.points.some(({ ratios }) => Object.keys(ratios).length > 0);
  return section(
    "quality",
    hasRecall ? "Recall over time" : "Measured beside the latency",
    hasRecall ? [lead, ...truthLines(model.result).map((line) => `${line}.`)].join(" ") : undefined,
    markup`<div class="cols ${charts.length > 1 ? "two" : ""}">${charts}</div>`,
  );
}

function ratioCharts({ series, axis, result }: Model): Markup[] {
  const names = [...new Set(series.points.flatMap(({ ratios }) => Object.keys(ratios)))];
  return names.map((name) => {
    const of = (figure: "mean" | "low" | "high") => series.points.map(({ ratios }) => ratios[name]?.[figure] ?? null);
    const lowest = Math.min(...of("low").filter((value) => value !== null));
    const limits = result.thresholds
      .filter(({ expression, unit }) => unit === "fraction" && expression.includes(name))
      .map(({ limit, expression, ok }) => ({ value: limit, name: expression, ok }));
    const floor = Math.max(0, Math.floor(Math.min(lowest, ...limits.map(({ value }) => value), 0.95) * 10 - 0.2) / 10);
    const chart = timeChart({
      label: `${name} over time`,
      width: width(series, names.length),
      height: 180,
      time: axis,
      lines: [{ name, tone: "recall", values: of("mean") }],
      ribbon: { tone: "recall", low: of("low"), high: of("high") },
      limits,
      range: [floor, 1],
      axis: (value) => String(Number(value.toFixed(3))),
      exact: (value) => value.toFixed(3),
    });
    return markup`<div><h3>${name}</h3>${chart}</div>`;
  });
}

function timeCharts({ series, axis }: Model): Markup[] {
  const names = [...new Set(series.points.flatMap(({ timesP95Us }) => Object.keys(timesP95Us)))];
  return names.map((name) => {
    const chart = timeChart({
      label: `${name} over time: p95`,
      width: width(series, names.length),
      height: 180,
      time: axis,
      lines: [{ name: "p95", tone: "t2", values: series.points.map(({ timesP95Us }) => timesP95Us[name] ?? null) }],
      axis: axisDuration,
      exact: formatDurationUs,
    });
    return markup`<div><h3>${spaced(name)}, p95</h3>${chart}</div>`;
  });
}

/** Half of the page where there are several charts. */
function width({ points }: Model["series"], same: number): number {
  const kinds = new Set(points.flatMap(({ ratios, timesP95Us }) => [...Object.keys(ratios), ...Object.keys(timesP95Us)]));
  return Math.max(kinds.size, same) > 1 ? 520 : 1072;
}
