import type { LoadResult } from "../load/result.ts";
import { formatCount, formatDurationMs, formatDurationUs, formatPercent } from "../units.ts";
import type { Style } from "./style.ts";
import { table } from "./table.ts";

const names = { p50: "p50", p90: "p90", p95: "p95", p99: "p99", p999: "p99.9" } as const;

/** 95 % intervals of the response time's percentiles, where there are the samples for them. */
export function intervalLines({ responseIntervalsUs }: LoadResult, style: Style): string[] {
  const known = (Object.keys(names) as (keyof typeof names)[]).flatMap((name) => {
    const interval = responseIntervalsUs[name];
    return interval ? [`${names[name]} ${formatDurationUs(interval.low)}–${formatDurationUs(interval.high)}`] : [];
  });
  return known.length === 0 ? [] : [style.dim(`95 % intervals: ${known.slice(-3).join(", ")}`)];
}

/** Recall, and what operations measured beside their response time. */
export function measuredLines(result: LoadResult): string[] {
  const { recall, times } = result;
  const us = (value: number | null) => (value === null ? "-" : formatDurationUs(value));
  return [
    ...recall.map(
      ({ k, n, mean, low, high }) =>
        `recall@${k} ${formatPercent(mean)} (95 % interval ${formatPercent(low)} to ${formatPercent(high)}, ${formatCount(n)} searches judged)`,
    ),
    ...truthLines(result),
    ...times.map(
      ({ name, never, timeUs }) =>
        `${name} p50 ${us(timeUs.p50)}, p95 ${us(timeUs.p95)}, max ${us(timeUs.max)}${never > 0 ? `; ${formatCount(never)} never came` : ""}`,
    ),
  ];
}

/** Where the true neighbours came from that recall was judged by: one line a scenario. */
export function truthLines({ recallTruth = [] }: LoadResult): string[] {
  return recallTruth.map(
    ({ scenario, from, queries, file }) =>
      `${scenario}: true neighbours of ${formatCount(queries)} queries from ${from === "data set" ? file : "exact search"}`,
  );
}

/** One line a scenario, and one for each thing that the cache said. */
export function splitLines({ perScenario, perCache }: LoadResult, style: Style): string[] {
  const us = (value: number | null) => (value === null ? "-" : formatDurationUs(value));
  const rows = [
    ...perScenario.map(({ name, counts, responseTimeUs }) => [
      name,
      formatCount(counts.scheduled),
      counts.scheduled > counts.ok ? style.bad(formatCount(counts.scheduled - counts.ok)) : "0",
      ...[responseTimeUs.p50, responseTimeUs.p99, responseTimeUs.max].map(us),
    ]),
    ...perCache.map(({ outcome, responseTimeUs }) => [
      `cache ${outcome}`,
      formatCount(responseTimeUs.n),
      "",
      ...[responseTimeUs.p50, responseTimeUs.p99, responseTimeUs.max].map(us),
    ]),
  ];
  if (rows.length === 0) return [];
  const right = (header: string) => ({ header, align: "right" as const });
  return [
    "",
    table([{ header: "" }, right("operations"), right("not ok"), right("p50"), right("p99"), right("max")], rows, style),
  ];
}

/** When the cache went on from memory, and how many operations memory alone answered: a sentence a Redis and episode. */
export function memoryOnlyLines({ memoryOnly = [], perCache }: Pick<LoadResult, "memoryOnly" | "perCache">): string[] {
  if (memoryOnly.length === 0) return [];
  const answered = perCache
    .filter(({ outcome }) => outcome.startsWith("memory-"))
    .reduce((sum, { responseTimeUs }) => sum + responseTimeUs.n, 0);
  const when = (ms: number) => (ms < 0 ? "the warm-up" : formatDurationMs(ms));
  return [
    `the cache went on from memory, which alone answered ${formatCount(answered)} operations:`,
    ...memoryOnly.map(
      ({ where, fromMs, untilMs, problem }) =>
        `  without ${where} from ${when(fromMs)} ${untilMs === null ? "to the end" : `to ${when(untilMs)}`}: ${problem}`,
    ),
  ];
}

/** What may have made the generator a part of what it measured. */
export function auditLines({ audit }: LoadResult, style: Style): string[] {
  return audit.map(({ message }) => style.warn(message));
}
