import type { LoadProgress } from "../load/result.ts";
import { formatCount, formatDurationMs, formatDurationUs, formatRate, plural } from "../units.ts";

/** The changing part of the progress line of a load run. */
export function loadProgressNote({ elapsedMs, leftMs, counts, responseP99Us }: LoadProgress): string {
  if (elapsedMs < 0) return `warm-up, ${formatDurationMs(Math.round(-elapsedMs / 1000) * 1000)} more`;
  const parts = [
    elapsedMs > 500 ? `sent ${formatRate(counts.sent / (elapsedMs / 1000))}` : "",
    responseP99Us === undefined ? "" : `p99 ${formatDurationUs(responseP99Us)}`,
    counts.errors > 0 ? plural(counts.errors, "error") : "",
    counts.dropped > 0 ? `${formatCount(counts.dropped)} dropped` : "",
    leftMs > 0 ? "" : "draining",
  ];
  return parts.filter(Boolean).join(" · ");
}
