import type { DemoLoad, DemoResult } from "../demo/result.ts";
import { formatCount, formatDurationUs, formatRate } from "../units.ts";
import type { Style } from "./style.ts";

/** The end of the demo: the two runs side by side, and the verdict last. */
export function demoReport(result: DemoResult, style: Style): string {
  const rows: [string, (run: DemoLoad) => string][] = [
    ["sent", (run) => formatRate(run.sentPerSec)],
    ["completed", (run) => formatCount(run.completed)],
    ["errors", (run) => formatCount(run.errors)],
    ["p50", (run) => shownUs(run.responseTimeUs.p50)],
    ["p95", (run) => shownUs(run.responseTimeUs.p95)],
    ["p99", (run) => shownUs(run.responseTimeUs.p99)],
    ["max", (run) => shownUs(run.responseTimeUs.max)],
    ["verdict", (run) => paint(run.verdict, style)],
  ];
  const cell = (run: DemoLoad | undefined, show: (run: DemoLoad) => string, width: number) =>
    run === undefined ? "-".padStart(width) : " ".repeat(Math.max(0, width - plainLength(show(run), run, style))) + show(run);
  const lines = rows.map(
    ([name, show]) => `  ${name.padEnd(10)}${cell(result.calm, show, 14)}${cell(result.nodeKilled, show, 22)}`,
  );
  return [
    "",
    style.bold(`  ${"".padEnd(10)}${"calm".padStart(14)}${"one node killed".padStart(22)}`),
    ...lines,
    "",
    `${style.bold("demo")} ${paint(result.verdict, style)} · response time, from the intended start of every request`,
  ].join("\n");
}

function shownUs(us: number | null): string {
  return us === null ? "-" : formatDurationUs(us);
}

function plainLength(text: string, run: DemoLoad, style: Style): number {
  return text === paint(run.verdict, style) ? run.verdict.length : text.length;
}

function paint(verdict: string, style: Style): string {
  return verdict === "pass" ? style.good(verdict) : verdict === "fail" ? style.bad(verdict) : style.warn(verdict);
}
