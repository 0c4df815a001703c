import type { LoadResult } from "../result.ts";
import { decodeHistogram } from "./decode.ts";

/**
 * A histogram log as HdrHistogram's own tools write, read and merge it (log format 1.3): one interval a second, times in
 * seconds since the start, the interval's maximum in milliseconds, values in µs. Tagged `response-time`.
 * Format: HdrHistogram's HistogramLogWriter.java.
 */
export function histogramLog(result: LoadResult, version: string): string {
  const startedSec = Date.parse(result.startedAt) / 1000;
  const lines = result.windows
    .filter(({ responseHistogram }) => responseHistogram !== undefined)
    .map((window) => intervalLine(window.second, window.seconds, window.responseHistogram!, "response-time"));
  return [
    `#[Logged with ragctl ${version}; values in microseconds, response times of ok operations]`,
    "#[Histogram log format version 1.3]",
    `#[StartTime: ${startedSec.toFixed(3)} (seconds since epoch), ${result.startedAt}]`,
    `#[BaseTime: ${startedSec.toFixed(3)} (seconds since epoch)]`,
    '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"',
    ...lines,
    "",
  ].join("\n");
}

/** @param fromSec, lengthSec of the interval @param encoded V2 compressed, base64 */
function intervalLine(fromSec: number, lengthSec: number, encoded: string, tag: string): string {
  const maxMs = decodeHistogram(encoded).maxValue / 1000;
  return `Tag=${tag.replaceAll(/[\s,]/g, "_")},${fromSec.toFixed(3)},${lengthSec.toFixed(3)},${maxMs.toFixed(3)},${encoded}`;
}
