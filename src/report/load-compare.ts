import type { CompareResult, MetricComparison } from "../load/compare/result.ts";
import { formatDurationMs, formatDurationUs, formatPercent, formatRate, plural } from "../units.ts";
import type { Style } from "./style.ts";
import { table } from "./table.ts";

/** A comparison for people: the verdict and why, then one line a metric. */
export function compareReport(result: CompareResult, style: Style): string {
  const columns = [
    { header: "" },
    { header: "A", align: "right" as const },
    { header: "B", align: "right" as const },
    { header: "change", align: "right" as const },
    { header: "interval" },
    { header: "verdict" },
  ];
  const rows = result.metrics
    .filter(measured)
    .map((metric) => [
      metric.metric,
      figure(metric, metric.a),
      figure(metric, metric.b),
      changeOf(metric),
      style.dim(intervalOf(metric)),
      paint(verdictOf(metric), metric, style),
    ]);
  return [
    paint(style.bold(headline(result)), result, style),
    ...result.reasons.map((reason) => `  ${reason}`),
    "",
    `A  ${runLine(result.a)}`,
    `B  ${runLine(result.b)}`,
    "",
    table(columns, rows, style),
    ...notes(result).map((note) => style.dim(note)),
  ].join("\n");
}

/** The same for a pull request: GitHub's Markdown. */
export function compareMarkdown(result: CompareResult): string {
  const mark = result.regression ? "❌" : result.verdict === "not comparable" ? "⚠️" : "✅";
  const rows = result.metrics
    .filter(measured)
    .map((metric) => [
      metric.metric,
      figure(metric, metric.a),
      figure(metric, metric.b),
      changeOf(metric),
      intervalOf(metric),
      metric.regression ? `**${verdictOf(metric)}**` : verdictOf(metric),
    ]);
  return [
    `### ${mark} Load comparison: ${headline(result)}`,
    "",
    ...result.reasons.map((reason) => `- ${escape(reason)}`),
    ...(result.reasons.length > 0 ? [""] : []),
    `- **A** ${escape(runLine(result.a))}`,
    `- **B** ${escape(runLine(result.b))}`,
    "",
    "| metric | A | B | change | interval | verdict |",
    "| --- | ---: | ---: | ---: | --- | --- |",
    ...rows.map((cells) => `| ${cells.map(escape).join(" | ")} |`),
    "",
    ...notes(result).map((note) => `<sub>${escape(note)}</sub>  `),
    "",
  ].join("\n");
}

function headline({ verdict, regression, metrics }: CompareResult): string {
  const named = (wanted: MetricComparison["verdict"]) =>
    metrics.filter((metric) => metric.verdict === wanted).map(({ metric }) => metric);
  if (verdict === "not comparable") return "not comparable";
  if (verdict === "no difference") return "no difference";
  if (verdict === "better") return `better: ${named("better").join(", ")}`;
  const better = named("better");
  return [
    `worse: ${named("worse").join(", ")}`,
    ...(better.length > 0 ? [`better: ${better.join(", ")}`] : []),
    regression ? "a regression" : "within --max-regression",
  ].join(" · ");
}

function runLine({ name, operations, windows, windowMs, durationMs, targetPerSec }: CompareResult["a"]): string {
  const rate = targetPerSec === undefined ? "closed loop" : `${formatRate(targetPerSec)} wanted`;
  return `${name} · ${rate} · ${formatDurationMs(durationMs)} · ${plural(operations, "operation")} · ${plural(windows, "window")} of ${formatDurationMs(windowMs)}`;
}

/** Something to show: a figure of either run. */
function measured({ a, b, effect }: MetricComparison): boolean {
  return a !== null || b !== null || effect !== null;
}

function figure({ unit }: MetricComparison, value: number | null): string {
  if (value === null) return unit === "us" ? "∞" : "–";
  if (unit === "us") return formatDurationUs(value);
  return unit === "perSec" ? formatRate(value) : formatPercent(value);
}

function changeOf({ effect }: MetricComparison): string {
  return effect ? signed(effect.kind, effect.value) : "";
}

function intervalOf({ effect }: MetricComparison): string {
  if (!effect) return "";
  const high = effect.high === null ? "∞" : signed(effect.kind, effect.high);
  return `${signed(effect.kind, effect.low ?? (effect.kind === "ratio" ? 0 : null))} … ${high}`;
}

/** +3.1 % for a ratio; +0.12 pp (percentage points) for a difference. */
function signed(kind: "ratio" | "difference", value: number | null): string {
  if (value === null) return "∞";
  const hundredths = kind === "ratio" ? (value - 1) * 100 : value * 100;
  const digits = Math.abs(hundredths) >= 10 ? 0 : Math.abs(hundredths) >= 1 || hundredths === 0 ? 1 : 2;
  const text = hundredths.toFixed(digits);
  return `${hundredths > 0 ? "+" : ""}${text === "-0.00" ? "0.00" : text} ${kind === "ratio" ? "%" : "pp"}`;
}

function verdictOf({ verdict, regression, maxRegression }: MetricComparison): string {
  if (verdict !== "worse" || maxRegression === undefined) return verdict;
  return regression ? `worse, over ${formatPercent(maxRegression)}` : `worse, within ${formatPercent(maxRegression)}`;
}

function paint(text: string, { verdict, regression }: Pick<CompareResult, "verdict" | "regression">, style: Style): string {
  if (verdict === "not comparable") return style.warn(text);
  if (verdict === "worse") return regression ? style.bad(text) : style.warn(text);
  return verdict === "better" ? style.good(text) : text;
}

function notes({ metrics, method, verdict }: CompareResult): string[] {
  if (verdict === "not comparable" && metrics.every(({ effect }) => effect === null)) return [];
  const percent = formatPercent(method.alpha);
  return [
    "body: geometric mean of the faster half. Failures rank as infinitely slow.",
    ...metrics
      .filter((metric) => metric.verdict === "not comparable" && measured(metric))
      .map(({ metric, reason }) => `${metric} ${reason ?? ""}`.trim()),
    `False alarms, over all metrics: at most ${percent} of comparisons.`,
  ];
}

function escape(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;");
}
