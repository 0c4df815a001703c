import type { LoadResult } from "../load/result.ts";
import { formatBytes, formatCount, formatDurationMs, formatDurationUs, formatPercent, formatRate, plural } from "../units.ts";
import { cachingLines } from "./load-caching.ts";
import { auditLines, intervalLines, measuredLines, memoryOnlyLines, splitLines } from "./load-figures.ts";
import { barPlot } from "./load-plot.ts";
import type { Style } from "./style.ts";
import { table } from "./table.ts";

/** A load run for people: the verdict first, then why, then the figures. */
export function loadReport(result: LoadResult, style: Style): string {
  return [
    ...verdictLines(result, style),
    "",
    ...thresholdLines(result, style),
    ...countLines(result, style),
    "",
    ...latencyLines(result, style),
    ...intervalLines(result, style),
    ...measuredLines(result),
    ...splitLines(result, style),
    ...cachingLines(result, style),
    ...memoryOnlyLines(result).map((line) => style.warn(line)),
    ...nodeLines(result, style),
    "",
    ...generatorLines(result, style),
  ].join("\n");
}

function paintVerdict(verdict: LoadResult["verdict"], style: Style): string {
  const text = style.bold(verdict);
  return verdict === "pass" ? style.good(text) : verdict === "fail" ? style.bad(text) : style.warn(text);
}

function verdictLines(result: LoadResult, style: Style): string[] {
  const { verdict, interrupted, elapsedMs, spec, rates, target, reasons } = result;
  return [
    `${paintVerdict(verdict, style)}${interrupted ? style.warn(" (interrupted)") : ""} · ${formatRate(rates.sentPerSec)} sent${spec.ratePerSec === null ? "" : ` of ${formatRate(spec.ratePerSec)}`} for ${formatDurationMs(interrupted ? elapsedMs : spec.durationMs)}`,
    style.dim(targetLine(target)),
    ...reasons.map((reason) => `  ${reason}`),
  ];
}

function targetLine(target: LoadResult["target"]): string {
  switch (target.kind) {
    case "http":
      return `${target.method} ${target.url} (${formatBytes(target.bodyBytes)})`;
    case "search":
      return `search of ${target.collection}, k ${target.k}, on cluster ${target.cluster}`;
    default:
      return [
        `profile ${target.profile}${target.cluster === null ? "" : `, on cluster ${target.cluster}`}`,
        ...target.scenarios.map(({ name, does }) => `  ${name}: ${does}`),
      ].join("\n");
  }
}

function thresholdLines({ thresholds }: LoadResult, style: Style): string[] {
  if (thresholds.length === 0) return [];
  const rows = thresholds.map(({ ok, expression, actual, unit, source }) => [
    ok ? style.good("ok") : style.bad("failed"),
    expression,
    actual === null ? "infinite" : unit === "us" ? formatDurationUs(actual) : formatPercent(actual),
    source === "objective"
      ? style.dim("objective of the cluster")
      : source === "default"
        ? style.dim("unless others are given")
        : "",
  ]);
  return [table([{ header: "" }, { header: "threshold" }, { header: "was", align: "right" }, { header: "" }], rows, style), ""];
}

function countLines({ counts, errorsByCause, droppedByCause }: LoadResult, style: Style): string[] {
  const { scheduled, sent, ok, errors, dropped, unfinished } = counts;
  const bad = (count: number, name: string) => `${count > 0 ? style.bad(formatCount(count)) : "0"} ${name}`;
  const causes = (byCause: Record<string, number>) =>
    Object.entries(byCause)
      .filter(([, count]) => count > 0)
      .toSorted(([, a], [, b]) => b - a)
      .map(([cause, count]) => `${cause} ${formatCount(count)}`)
      .join(", ");
  return [
    `${formatCount(scheduled)} scheduled · ${formatCount(sent)} sent · ${formatCount(ok)} ok · ${bad(errors, "errors")} · ${bad(dropped, "dropped")} · ${bad(unfinished, "unfinished")}`,
    ...(errors > 0 ? [`  errors: ${causes(errorsByCause)}`] : []),
    ...(dropped > 0 ? [`  dropped: ${causes(droppedByCause)}`] : []),
  ];
}

const plotted = { p50: "p50", p90: "p90", p95: "p95", p99: "p99", p999: "p99.9", max: "max" } as const;

function latencyLines({ responseTimeUs, serviceTimeUs, scheduleLagUs }: LoadResult, style: Style): string[] {
  const names = Object.keys(plotted) as (keyof typeof plotted)[];
  const column = (title: string, summary: LoadResult["responseTimeUs"]) => ({
    title,
    // Little more than single samples: not shown.
    valuesUs: names.map((name) => ((summary.unsupported as string[]).includes(name) ? null : summary[name])),
  });
  const weak = responseTimeUs.n > 0 && responseTimeUs.unsupported.length > 0;
  const { p50, p99 } = scheduleLagUs;
  return [
    ...barPlot(Object.values(plotted), [column("response time", responseTimeUs), column("service time", serviceTimeUs)], style),
    ...(weak ? [style.dim("- not shown: fewer than ten samples lie beyond")] : []),
    ...(p50 === null || p99 === null ? [] : [`schedule lag p50 ${formatDurationUs(p50)}, p99 ${formatDurationUs(p99)}`]),
  ];
}

function nodeLines({ perNode }: LoadResult, style: Style): string[] {
  if (perNode.length === 0) return [];
  const us = (value: number | null) => (value === null ? "-" : formatDurationUs(value));
  const rows = perNode.map(({ node, requests, errors, errorsByCause, serviceTimeUs }) => [
    node,
    formatCount(requests),
    errors > 0 ? style.bad(formatCount(errors)) : "0",
    us(serviceTimeUs.p50),
    us(serviceTimeUs.p99),
    us(serviceTimeUs.max),
    Object.entries(errorsByCause)
      .map(([cause, count]) => `${cause} ${formatCount(count)}`)
      .join(", "),
  ]);
  const right = (header: string) => ({ header, align: "right" as const });
  const columns = [
    { header: "node" },
    right("requests"),
    right("errors"),
    right("p50"),
    right("p99"),
    right("max"),
    { header: "", flexible: true },
  ];
  return ["", table(columns, rows, style)];
}

function generatorLines(result: LoadResult, style: Style): string[] {
  const { generator } = result;
  const { colocated, workers, pacer, cores, nodesCpu = [] } = generator;
  const busiest = Math.max(...workers.map(({ busy }) => busy));
  const pacerText = pacer === null || pacer.cpu === null ? "" : `, pacer ${formatPercent(pacer.cpu)} of a core`;
  return [
    style.dim(`generator: ${plural(workers.length, "worker")}, busiest ${formatPercent(busiest)} of the time${pacerText}`),
    ...auditLines(result, style),
    ...(nodesCpu.length > 0
      ? [style.dim(`processor time, of a core: ${nodesCpu.map(({ node, cpu }) => `${node} ${formatPercent(cpu)}`).join(", ")}`)]
      : []),
    ...(colocated ? [style.dim(`the target shares this machine's ${cores} cores with the generator`)] : []),
  ];
}
