import type { EncodedLatency } from "../recorder/histogram.ts";
import type { LoadResult } from "../result.ts";
import type { TallyRecord, WindowRecord } from "./record.ts";

export type WindowSummary = LoadResult["windows"][number];

/** A window as a result shows it. `responseHistogram` is for files. */
export function windowSummary(record: WindowRecord): WindowSummary {
  const { startMs, lengthMs, nodes, scenarios, caches, response, errorsByCause, droppedByCause } = record;
  return {
    second: Math.floor(startMs / 1000),
    seconds: Math.max(1, Math.round(lengthMs / 1000)),
    counts: record.counts,
    errorsByCause,
    droppedByCause,
    responseTimeUs: brief(response),
    serviceTimeUs: brief(record.service),
    scheduleLagUs: brief(record.lag),
    ...recallOf(record),
    ...timesOf(record),
    perNode: mapped(nodes, ({ requests, ok, service }) => ({ requests, errors: requests - ok, serviceTimeUs: brief(service) })),
    perScenario: mapped(scenarios, (scenario) => ({
      counts: scenario.counts,
      responseTimeUs: brief(scenario.response),
      ...recallOf(scenario),
    })),
    perCache: mapped(caches, (times) => ({ n: times.n, responseTimeUs: brief(times) })),
    ...(response?.hdr !== undefined && { responseHistogram: response.hdr }),
  };
}

function brief(times: EncodedLatency | undefined): {
  p50: number | null;
  p95: number | null;
  p99: number | null;
  max: number | null;
} {
  const { p50 = null, p95 = null, p99 = null, max = null } = times ?? {};
  return { p50, p95, p99, max };
}

function recallOf({ ratios }: TallyRecord): Pick<WindowSummary, "recall"> {
  const known = Object.entries(ratios).filter(([, { n }]) => n > 0);
  if (known.length === 0) return {};
  return { recall: Object.fromEntries(known.map(([name, { n, sum }]) => [name, { n, mean: sum / n }])) };
}

function timesOf({ times }: TallyRecord): Pick<WindowSummary, "times"> {
  const known = Object.entries(times);
  if (known.length === 0) return {};
  return {
    times: Object.fromEntries(
      known.map(([name, { never, times }]) => [name, { n: (times?.n ?? 0) + never, never, ...brief(times) }]),
    ),
  };
}

function mapped<T, U>(record: Readonly<Record<string, T>>, map: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}
