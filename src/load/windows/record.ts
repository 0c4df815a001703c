import type { ClosedWindow } from "../recorder/recorder.ts";
import { LatencyHistogram, type EncodedLatency } from "../recorder/histogram.ts";
import { addByCause, addCounts, noCounts, type Counts, type Tally } from "../recorder/tally.ts";
import { mergeTallies, type RecallTally } from "../recall/accumulate.ts";

/** Operations of one window, or of one scenario in it. Histograms are absent where they are empty. */
export interface TallyRecord {
  counts: Counts;
  errorsByCause: Record<string, number>;
  droppedByCause: Record<string, number>;
  response?: EncodedLatency;
  service?: EncodedLatency;
  lag?: EncodedLatency;
  /** Times measured beside the latency; `never`: that did not come. */
  times: Record<string, { never: number; times?: EncodedLatency }>;
  /** `recall@10`: queries with known truth and their recalls. */
  ratios: Record<string, RecallTally>;
}

/** One line of a run's `windows.ndjson`: all that is known of one window. */
export interface WindowRecord extends TallyRecord {
  /** From the start of the measured part. */
  startMs: number;
  lengthMs: number;
  nodes: Record<string, { requests: number; ok: number; errorsByCause: Record<string, number>; service?: EncodedLatency }>;
  /** By name; empty in a run of one scenario. */
  scenarios: Record<string, TallyRecord>;
  /** Response times of ok operations, by what the cache said. */
  caches: Record<string, EncodedLatency>;
}

/** @param scenarios their names, by index */
export function recordOf({ index, all, split }: ClosedWindow, lengthMs: number, scenarios: readonly string[]): WindowRecord {
  const nodes = [...split.nodes].filter(([, { requests }]) => requests > 0);
  const several = scenarios.length > 1 ? [...split.scenarios.entries()] : [];
  return {
    startMs: index * lengthMs,
    lengthMs,
    ...tallyRecord(all),
    nodes: Object.fromEntries(
      nodes.map(([node, { requests, ok, errorsByCause, service }]) => [
        node,
        { requests, ok, errorsByCause, ...present("service", service.encoded()) },
      ]),
    ),
    scenarios: Object.fromEntries(
      several.flatMap(([at, tally]) =>
        tally === undefined || tally.counts.scheduled === 0 ? [] : [[scenarios[at]!, tallyRecord(tally)]],
      ),
    ),
    caches: Object.fromEntries(
      [...split.caches].flatMap(([outcome, histogram]) => {
        const encoded = histogram.encoded();
        return encoded ? [[outcome, encoded]] : [];
      }),
    ),
  };
}

function tallyRecord({ counts, errorsByCause, droppedByCause, response, service, lag, times, ratios }: Tally): TallyRecord {
  return {
    counts,
    errorsByCause,
    droppedByCause: Object.fromEntries(Object.entries(droppedByCause).filter(([, count]) => count > 0)),
    ...present("response", response.encoded()),
    ...present("service", service.encoded()),
    ...present("lag", lag.encoded()),
    times: Object.fromEntries(
      [...times]
        .filter(([, measure]) => measure.n > 0)
        .map(([name, { never, times }]) => [name, { never, ...present("times", times.encoded()) }]),
    ),
    ratios: Object.fromEntries([...ratios].map(([name, tally]) => [name, { ...tally }])),
  };
}

/** What several neighbouring windows held together. */
export function mergeRecords(records: readonly WindowRecord[]): WindowRecord {
  const first = records[0]!;
  const names = (of: (record: WindowRecord) => object) => [...new Set(records.flatMap((record) => Object.keys(of(record))))];
  const lengthMs = records.at(-1)!.startMs + records.at(-1)!.lengthMs - first.startMs;
  return {
    startMs: first.startMs,
    lengthMs,
    ...mergeTallyRecords(records),
    nodes: Object.fromEntries(
      names(({ nodes }) => nodes).map((node) => {
        const all = records.flatMap(({ nodes }) => nodes[node] ?? []);
        const sum = (of: (each: (typeof all)[number]) => number) => all.reduce((total, each) => total + of(each), 0);
        return [
          node,
          {
            requests: sum(({ requests }) => requests),
            ok: sum(({ ok }) => ok),
            errorsByCause: mergedCauses(all.map(({ errorsByCause }) => errorsByCause)),
            ...present("service", mergeLatencies(all.map(({ service }) => service))),
          },
        ];
      }),
    ),
    scenarios: Object.fromEntries(
      names(({ scenarios }) => scenarios).map((name) => [
        name,
        mergeTallyRecords(records.flatMap(({ scenarios }) => scenarios[name] ?? [])),
      ]),
    ),
    caches: Object.fromEntries(
      names(({ caches }) => caches).map((outcome) => [outcome, mergeLatencies(records.map(({ caches }) => caches[outcome]))!]),
    ),
  };
}

function mergeTallyRecords(records: readonly TallyRecord[]): TallyRecord {
  const counts = noCounts();
  for (const record of records) addCounts(counts, record.counts);
  const names = (of: (record: TallyRecord) => object) => [...new Set(records.flatMap((record) => Object.keys(of(record))))];
  return {
    counts,
    errorsByCause: mergedCauses(records.map(({ errorsByCause }) => errorsByCause)),
    droppedByCause: mergedCauses(records.map(({ droppedByCause }) => droppedByCause)),
    ...present("response", mergeLatencies(records.map(({ response }) => response))),
    ...present("service", mergeLatencies(records.map(({ service }) => service))),
    ...present("lag", mergeLatencies(records.map(({ lag }) => lag))),
    times: Object.fromEntries(
      names(({ times }) => times).map((name) => {
        const all = records.flatMap(({ times }) => times[name] ?? []);
        const never = all.reduce((sum, each) => sum + each.never, 0);
        return [name, { never, ...present("times", mergeLatencies(all.map(({ times }) => times))) }];
      }),
    ),
    ratios: Object.fromEntries(
      names(({ ratios }) => ratios).map((name) => [name, mergeTallies(records.flatMap(({ ratios }) => ratios[name] ?? []))]),
    ),
  };
}

function mergedCauses(all: readonly Record<string, number>[]): Record<string, number> {
  const merged: Record<string, number> = {};
  for (const each of all) addByCause(merged, each);
  return merged;
}

/** The union of the samples; of what has only its figures left, the worst percentiles. */
function mergeLatencies(all: readonly (EncodedLatency | undefined)[]): EncodedLatency | undefined {
  const known = all.filter((each) => each !== undefined);
  if (known.length < 2) return known[0];
  const whole = known.filter(isWhole);
  if (whole.length < known.length) {
    const most = (of: (each: EncodedLatency) => number) => Math.max(...known.map(of));
    const sum = (of: (each: EncodedLatency) => number) => known.reduce((total, each) => total + of(each), 0);
    const percentiles = { p50: most(({ p50 }) => p50), p95: most(({ p95 }) => p95), p99: most(({ p99 }) => p99) };
    const min = -most((each) => -each.min);
    return { n: sum(({ n }) => n), min, max: most(({ max }) => max), sum: sum((each) => each.sum), ...percentiles };
  }
  const merged = new LatencyHistogram();
  for (const each of whole) merged.addEncoded(each);
  const encoded = merged.encoded();
  merged.destroy();
  return encoded;
}

function isWhole(latency: EncodedLatency): latency is EncodedLatency & { hdr: string } {
  return latency.hdr !== undefined;
}

/** What is kept in memory of a long run's windows: all counts and figures, but of the histograms only that of the response times. */
export function slimRecord(record: WindowRecord): WindowRecord {
  const { nodes, scenarios, caches, ...tally } = record;
  const each = <T>(values: Readonly<Record<string, T>>, map: (value: T) => T) =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, map(value)]));
  return {
    ...slimTally(tally),
    startMs: record.startMs,
    lengthMs: record.lengthMs,
    ...present("response", record.response),
    nodes: each(nodes, ({ service, ...node }) => ({ ...node, ...present("service", figuresOf(service)) })),
    scenarios: each(scenarios, slimTally),
    caches: each(caches, (times) => figuresOf(times)!),
  };
}

function slimTally({ response, service, lag, times, ...tally }: TallyRecord): TallyRecord {
  const slimTimes = Object.entries(times).map(([name, { never, times }]) => [
    name,
    { never, ...present("times", figuresOf(times)) },
  ]);
  return {
    ...tally,
    ...present("response", figuresOf(response)),
    ...present("service", figuresOf(service)),
    ...present("lag", figuresOf(lag)),
    times: Object.fromEntries(slimTimes) as TallyRecord["times"],
  };
}

function figuresOf(latency: EncodedLatency | undefined): EncodedLatency | undefined {
  if (!latency) return undefined;
  const { hdr: _, ...figures } = latency;
  return figures;
}

function present<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]?: V });
}
