import { formatDurationUs, formatRate } from "../../units.ts";
import { axisCount, axisDuration } from "./figures.ts";
import { markup, type Markup } from "./markup.ts";
import type { Model } from "./model.ts";
import { section } from "./tables.ts";
import { timeChart } from "./time-chart.ts";

/** Whether the load was what it was meant to be: rates wanted and achieved, and how late operations were sent. */
export function ratesSection(model: Model): Markup {
  const { axis, result, series } = model;
  const { everySeconds, totalSeconds, points } = series;
  const common = { width: 520, height: 170, time: axis, endLabels: true };
  const perSec = (name: "scheduled" | "ok") =>
    points.map(({ counts, second }) => counts[name] / Math.min(everySeconds, totalSeconds - second));
  const rates = timeChart({
    ...common,
    label: "Operations per second, due and ok",
    lines: [
      { name: "due", tone: "wanted", values: perSec("scheduled") },
      { name: "ok", tone: "t3", values: perSec("ok") },
    ],
    axis: axisCount,
    exact: formatRate,
  });
  const lag = timeChart({
    ...common,
    label: "Schedule lag over time: p99",
    lines: [{ name: "p99", tone: "plain", values: points.map(({ lagP99Us }) => lagP99Us) }],
    axis: axisDuration,
    exact: formatDurationUs,
  });
  const { p50, p99 } = result.scheduleLagUs;
  const lead =
    p99 === null || p50 === null
      ? "Nothing was sent."
      : `Half of the operations were sent within ${formatDurationUs(p50)} of when they were due, 99 % within ${formatDurationUs(p99)}.`;
  return section(
    "rates",
    "Rate and schedule",
    lead,
    markup`<div class="cols two"><div><h3>Operations per second</h3>${rates}</div><div><h3>Schedule lag, p99</h3>${lag}</div></div>`,
  );
}
