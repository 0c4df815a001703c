import type { LoadResult } from "../load/result.ts";
import { formatCount, formatDurationMs, formatDurationUs, formatPercent, formatRate, plural } from "../units.ts";
import { cachingTable } from "./load-caching.ts";
import { truthLines } from "./load-figures.ts";

const marks = { pass: "✅ pass", fail: "❌ fail", inconclusive: "⚠️ inconclusive" } as const;

/** A load run for a pull request or a job summary: GitHub's Markdown. */
export function loadMarkdown(result: LoadResult): string {
  const { verdict, interrupted, reasons, counts, rates, responseTimeUs, serviceTimeUs, thresholds, elapsedMs, recall } = result;
  const wanted = rates.targetPerSec === null ? "" : ` of ${formatRate(rates.targetPerSec)}`;
  const us = (value: number | null) => (value === null ? "–" : formatDurationUs(value));
  const latency = (name: string, of: LoadResult["responseTimeUs"]) =>
    row([name, us(of.p50), us(of.p95), us(of.p99), us(of.p999), us(of.max)]);
  return [
    `### ${marks[verdict]}${interrupted ? " (interrupted)" : ""} · ${formatRate(rates.sentPerSec)} sent${wanted} for ${formatDurationMs(elapsedMs)}`,
    "",
    ...reasons.map((reason) => `- ${escapeMarkdown(reason)}`),
    ...(reasons.length > 0 ? [""] : []),
    ...(thresholds.length > 0
      ? [
          "| | threshold | was |",
          "| --- | --- | ---: |",
          ...thresholds.map(({ ok, expression, actual, unit }) =>
            row([
              ok ? "✅" : "❌",
              expression,
              actual === null ? "∞" : unit === "us" ? formatDurationUs(actual) : formatPercent(actual),
            ]),
          ),
          "",
        ]
      : []),
    "| | p50 | p95 | p99 | p99.9 | max |",
    "| --- | ---: | ---: | ---: | ---: | ---: |",
    latency("response time", responseTimeUs),
    latency("service time", serviceTimeUs),
    "",
    ...cachingMarkdown(result),
    ...recall.map(
      ({ k, mean, low, high, n }) =>
        `recall@${k} ${mean.toFixed(4)} (${low.toFixed(4)} – ${high.toFixed(4)}, ${formatCount(n)} searches)  `,
    ),
    ...truthLines(result).map((line) => `${escapeMarkdown(line)}  `),
    `${formatCount(counts.scheduled)} scheduled = ${formatCount(counts.ok)} ok + ${plural(counts.errors, "error")} + ${formatCount(counts.dropped)} dropped + ${formatCount(counts.unfinished)} unfinished`,
    "",
  ].join("\n");
}

function cachingMarkdown(result: LoadResult): string[] {
  const shown = cachingTable(result);
  if (!shown) return [];
  const { headers, rows, notes } = shown;
  return [
    row(headers.map((header) => header.replace(">", ""))),
    row(headers.map((header) => (header.startsWith(">") ? "---:" : "---"))),
    ...rows.map(row),
    "",
    ...notes.map((note) => `${escapeMarkdown(note)}  `),
    "",
  ];
}

function row(cells: readonly string[]): string {
  return `| ${cells.map(escapeMarkdown).join(" | ")} |`;
}

function escapeMarkdown(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll("|", "\\|");
}
