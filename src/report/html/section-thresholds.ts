import { formatDurationMs, formatDurationUs, formatPercent } from "../../units.ts";
import type { LoadResult } from "../../load/result.ts";
import { clockTime } from "./figures.ts";
import { markup, type Markup } from "./markup.ts";
import { htmlTable, section } from "./tables.ts";

type Threshold = LoadResult["thresholds"][number];

const sources: Record<string, string> = {
  flag: "flag",
  objective: "objective of the cluster",
  default: "unless others are given",
  profile: "profile",
};

/** What should hold, and what was. */
export function thresholdsSection({ thresholds }: LoadResult): Markup | undefined {
  if (thresholds.length === 0) return undefined;
  const rows = thresholds.map((threshold) => [
    threshold.ok ? markup`<span class="state good">✓ held</span>` : markup`<span class="state bad">✕ failed</span>`,
    markup`<code>${threshold.expression}</code>`,
    markup`<span class="${threshold.ok ? "" : "bad"}">${thresholdValue(threshold, threshold.actual)}</span>`,
    thresholdValue(threshold, threshold.limit),
    markup`<span class="soft">${note(threshold)}</span>`,
  ]);
  const failed = thresholds.filter(({ ok }) => !ok).length;
  const lead =
    failed === 0
      ? `${thresholds.length === 1 ? "It" : `All ${thresholds.length}`} held.`
      : `${failed} of ${thresholds.length} failed. Latency ranks whatever was not ok as infinitely slow.`;
  return section("thresholds", "Thresholds", lead, htmlTable(["", "threshold", ">was", ">limit", "from"], rows));
}

function thresholdValue({ unit }: Threshold, value: number | null): string {
  if (value === null) return "∞";
  return unit === "us" ? formatDurationUs(value) : formatPercent(value);
}

function note(threshold: Threshold): string {
  const { actualServiceTime, unit, source, ok, windows, interval } = threshold;
  const service =
    !ok && unit === "us" && typeof actualServiceTime === "number" ? `; service time ${formatDurationUs(actualServiceTime)}` : "";
  const each = windows
    ? `; in each ${formatDurationMs(windows.lengthMs)}: ${windows.failed} of ${windows.count} failed, the worst at ${clockTime(windows.worstAtMs / 1000)}`
    : "";
  const between = interval
    ? `; 95 % interval ${thresholdValue(threshold, interval.low)} – ${thresholdValue(threshold, interval.high)}`
    : "";
  return `${sources[source] ?? source}${service}${each}${between}`;
}

/** The limits of thresholds on whole-run latency: `p99<100ms` → 0.99. */
export function latencyLimits({ thresholds, perScenario }: LoadResult): { q: number; us: number; name: string; ok: boolean }[] {
  return thresholds.flatMap(({ unit, expression, limit, ok }) => {
    const match = /(?:^|\s|:)(?:p(\d+(?:\.\d+)?)|(max))\s*<=?/.exec(expression);
    // A limit of one scenario says nothing of all of them together.
    const scoped = perScenario.length > 0 && /^[^:]+\./.test(expression);
    if (scoped || unit !== "us" || !match || /fresh|service|token/i.test(expression)) return [];
    const q = match[2] === "max" ? 1 : Number((Number(match[1]) / 100).toPrecision(12));
    return [{ q, us: limit, name: expression, ok }];
  });
}
