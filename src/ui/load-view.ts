import { Box, render, Text } from "ink";
import { createElement, type ReactElement, type ReactNode } from "react";
import type { LoadProgress } from "../load/result.ts";
import { formatCount, formatDurationMs, formatDurationUs, formatRate } from "../units.ts";
import { addWindow, advance, liveStart, sparkline, type LiveLoad } from "./load-live.ts";

const labelWidth = 10;
/** Nodes beyond these are summed up. */
const mostNodes = 8;

/** A run under way: where it is, what was wanted and what came of it. Fits 80 columns. */
export function LoadView({ title, live, columns }: { title: string; live: LiveLoad; columns: number }): ReactElement {
  const { progress } = live;
  const { counts, errorsByCause } = progress;
  const lost = counts.errors + counts.dropped;
  const causes = Object.entries(errorsByCause).toSorted(([, a], [, b]) => b - a);
  const lostText = [
    ...causes.map(([cause, count]) => `${cause} ${formatCount(count)}`),
    ...(counts.dropped > 0 ? [`dropped ${formatCount(counts.dropped)}`] : []),
  ].join(" · ");
  return createElement(
    Box,
    { flexDirection: "column", width: columns },
    createElement(Text, { bold: true, wrap: "truncate" }, title),
    createElement(TimeRow, { progress, columns }),
    row("rate", rateText(live)),
    row("response", percentilesText(progress)),
    live.p99Us.length > 0 ? row("p99", sparkText(live.p99Us, columns)) : null,
    row("not ok", createElement(Text, lost > 0 ? { color: "red" } : { dimColor: true }, lost > 0 ? lostText : "none")),
    ...nodeRows(progress.perNode),
    createElement(Text, { dimColor: true }, hint(progress)),
  );
}

function row(label: string, content: ReactNode, key = label): ReactElement {
  return createElement(
    Text,
    { key, wrap: "truncate" },
    createElement(Text, { dimColor: true }, label.padEnd(labelWidth)),
    content,
  );
}

function TimeRow({ progress, columns }: { progress: LoadProgress; columns: number }): ReactElement {
  const { elapsedMs, leftMs } = progress;
  if (elapsedMs < 0) return row("warm-up", `${seconds(-elapsedMs)} more, in no count`);
  const text = leftMs > 0 ? `${seconds(leftMs)} left` : "draining";
  const width = Math.max(10, Math.min(40, columns - labelWidth - 24));
  const done = Math.round((Math.max(0, elapsedMs) / Math.max(1, elapsedMs + leftMs)) * width);
  return row(seconds(elapsedMs), [
    createElement(Text, { key: "done", color: "blue" }, "━".repeat(done)),
    createElement(Text, { key: "left", dimColor: true }, "━".repeat(width - done)),
    `  ${text}`,
  ]);
}

function seconds(ms: number): string {
  return ms >= 120_000 ? formatDurationMs(Math.round(ms / 1000) * 1000) : `${Math.round(ms / 1000)} s`;
}

function rateText({ progress, nowPerSec }: LiveLoad): string {
  const parts = [
    progress.targetPerSec === null ? "" : `wanted ${formatRate(progress.targetPerSec)}`,
    nowPerSec === undefined ? "" : `sent ${formatRate(nowPerSec.sent)}`,
    nowPerSec === undefined ? "" : `ok ${formatRate(nowPerSec.ok)}`,
    `${formatCount(progress.counts.ok)} ok in all`,
  ];
  return parts.filter(Boolean).join(" · ");
}

function percentilesText({ responseP50Us, responseP95Us, responseP99Us }: LoadProgress): string {
  const us = (value: number | undefined) => (value === undefined ? "-" : formatDurationUs(value));
  return `p50 ${us(responseP50Us)} · p95 ${us(responseP95Us)} · p99 ${us(responseP99Us)}`;
}

function sparkText(p99Us: readonly (number | null)[], columns: number): string {
  const shown = p99Us.slice(-Math.max(10, columns - labelWidth - 26));
  const known = shown.filter((value) => value !== null);
  if (known.length === 0) return sparkline(shown);
  return `${sparkline(shown)} ${formatDurationUs(Math.min(...known))} – ${formatDurationUs(Math.max(...known))}`;
}

function nodeRows(perNode: LoadProgress["perNode"]): ReactElement[] {
  const shown = perNode.slice(0, mostNodes);
  const width = Math.max(0, ...shown.map(({ node }) => node.length));
  const rows = shown.map(({ node, requests, errors, serviceP99Us }, index) =>
    row(
      index === 0 ? "nodes" : "",
      createElement(
        Text,
        null,
        `${node.padEnd(width)}  ${formatCount(requests).padStart(9)} requests  p99 ${(serviceP99Us === undefined ? "-" : formatDurationUs(serviceP99Us)).padStart(7)}`,
        errors > 0 ? createElement(Text, { color: "red" }, `  ${formatCount(errors)} not ok`) : null,
      ),
      `node ${node}`,
    ),
  );
  const more = perNode.length - shown.length;
  return more > 0 ? [...rows, row("", createElement(Text, { dimColor: true }, `and ${more} more`), "more nodes")] : rows;
}

function hint({ leftMs, elapsedMs }: LoadProgress): string {
  return leftMs > 0 || elapsedMs < 0 ? "Ctrl-C drains and reports, again stops" : "waiting for what is under way; Ctrl-C stops";
}

export interface LoadScreen {
  update(progress: LoadProgress): void;
  /** p99 of a window that is complete, µs. */
  window(p99Us: number | null): void;
  /** Leaves the terminal as it was: the report comes next. */
  end(): void;
}

/** Draws a run on a terminal, ten times a second at most, until `end`. */
export function showLoad(title: string, stream: NodeJS.WriteStream): LoadScreen {
  let live: LiveLoad | undefined;
  let early: (number | null)[] = [];
  const view = () =>
    live === undefined
      ? createElement(Text, { dimColor: true }, title)
      : createElement(LoadView, { title, live, columns: Math.min(stream.columns || 80, 100) });
  // Signals stay with the runtime: the first drains, the second stops.
  // Whether this is a terminal has been asked already; ink would also look for CI in the environment.
  const app = render(view(), { stdout: stream, exitOnCtrlC: false, patchConsole: false, maxFps: 10, interactive: true });
  return {
    update(progress) {
      live = live === undefined ? liveStart(progress) : advance(live, progress);
      for (const p99Us of early) live = addWindow(live, p99Us);
      early = [];
      app.rerender(view());
    },
    window(p99Us) {
      if (live === undefined) early.push(p99Us);
      else live = addWindow(live, p99Us);
    },
    end() {
      app.clear();
      app.unmount();
    },
  };
}
