import { build, encodeIntoCompressedBase64, type Histogram } from "hdr-histogram-js";
import type { LoadSeries } from "../../src/load/export/result.ts";
import { loadSeries } from "../../src/load/export/series.ts";
import type { LoadResult } from "../../src/load/result.ts";
import { seededRng } from "../../src/runtime.ts";

export interface SampleRun {
  result: LoadResult;
  series: LoadSeries;
}

const causes = ["timeout", "status-503", "reset"] as const;

/**
 * A run as `ragctl load` would write it: latencies are log-normal, and for a fifth of the run one of three nodes is gone, which makes
 * operations slow, fail and be dropped. The counts add up.
 */
export function sampleRun({ seconds = 60, ratePerSec = 200, seed = 7, fault = true } = {}): SampleRun {
  const rng = seededRng(seed);
  const startedMs = Date.UTC(2026, 2, 3, 9, 30);
  const [from, to] = [Math.floor(seconds * 0.35), Math.floor(seconds * 0.55)];
  const whole = { response: histogram(), service: histogram(), lag: histogram() };
  const none = () => ({ scheduled: 0, sent: 0, completed: 0, ok: 0, errors: 0, dropped: 0, unfinished: 0 });
  const counts = none();
  const errorsByCause: Record<string, number> = {};
  const windows = Array.from({ length: seconds }, (_, second) => {
    const troubled = fault && second >= from && second < to;
    const own = { counts: none(), response: histogram(), service: histogram(), lag: histogram() };
    const ownCauses: Record<string, number> = {};
    for (let index = 0; index < ratePerSec; index++) {
      own.counts.scheduled++;
      if (troubled && rng() < 0.02) {
        own.counts.dropped++;
        continue;
      }
      own.counts.sent++;
      own.counts.completed++;
      const lagUs = Math.round(20 * Math.exp(normal(rng)));
      own.lag.recordValue(lagUs);
      if (troubled && rng() < 0.08) {
        own.counts.errors++;
        const cause = causes[Math.floor(rng() ** 2 * causes.length)]!;
        ownCauses[cause] = (ownCauses[cause] ?? 0) + 1;
        continue;
      }
      own.counts.ok++;
      const serviceUs = Math.round((troubled ? 9000 : 2200) * Math.exp(normal(rng) * (troubled ? 0.9 : 0.45)));
      own.service.recordValue(serviceUs);
      own.response.recordValue(serviceUs + lagUs + (rng() < 0.01 ? 4000 : 0));
    }
    for (const name of ["response", "service", "lag"] as const) whole[name].add(own[name]);
    for (const [cause, count] of Object.entries(ownCauses)) errorsByCause[cause] = (errorsByCause[cause] ?? 0) + count;
    for (const name of Object.keys(counts) as (keyof typeof counts)[]) counts[name] += own.counts[name];
    return {
      second,
      seconds: 1,
      counts: own.counts,
      errorsByCause: ownCauses,
      droppedByCause: { "in-flight-target": own.counts.dropped },
      responseTimeUs: brief(own.response),
      serviceTimeUs: brief(own.service),
      scheduleLagUs: brief(own.lag),
      recall: { "recall@10": { n: 40, mean: troubled ? 0.91 + rng() * 0.02 : 0.985 + rng() * 0.008 } },
      times: {
        freshness: { n: 4, never: 0, p50: 300_000, p95: Math.round(400_000 + rng() * 200_000), p99: 700_000, max: 700_000 },
      },
      perNode: Object.fromEntries(
        (troubled ? ["q1", "q3"] : ["q1", "q2", "q3"]).map((node, index) => [
          node,
          { requests: own.counts.sent, errors: 0, serviceTimeUs: scaled(brief(own.service), 0.6 + index * 0.2) },
        ]),
      ),
      perScenario: {},
      perCache: {},
      responseHistogram: encodeIntoCompressedBase64(own.response),
    };
  });
  const p99 = whole.response.getValueAtPercentile(99);
  const result: LoadResult = {
    verdict: p99 < 10_000 ? "pass" : "fail",
    reasons: p99 < 10_000 ? [] : ["p99<10ms failed: it was slower"],
    interrupted: false,
    target: {
      kind: "search",
      cluster: "prod",
      topology: "routed",
      collection: "docs",
      k: 10,
      ef: null,
      queries: { from: "the collection's own points", count: 1000, dim: 384 },
      nodes: ["q1", "q2", "q3"].map((id) => ({ id, url: `http://${id}.internal:6333` })),
    },
    spec: {
      executor: "constant-arrival-rate",
      ratePerSec,
      warmupMs: 2000,
      durationMs: seconds * 1000,
      timeoutMs: 5000,
      maxInFlight: 1000,
      workers: 2,
      seed: 1,
    },
    scenarios: [
      {
        name: "search",
        tags: {},
        operation: "search",
        executor: "constant-arrival-rate",
        startMs: 0,
        durationMs: seconds * 1000,
        ratePerSec,
      },
    ],
    startedAt: new Date(startedMs).toISOString(),
    elapsedMs: seconds * 1000 + 20,
    counts,
    errorsByCause,
    droppedByCause: { "in-flight-target": counts.dropped, "in-flight-generator": 0, late: 0, sockets: 0 },
    rates: { targetPerSec: ratePerSec, sentPerSec: counts.sent / seconds, completedPerSec: counts.completed / seconds },
    responseTimeUs: summary(whole.response),
    serviceTimeUs: summary(whole.service),
    scheduleLagUs: summary(whole.lag),
    thresholds: [
      {
        expression: "p99<10ms",
        source: "flag",
        ok: p99 < 10_000,
        actual: p99,
        actualServiceTime: p99,
        unit: "us",
        limit: 10_000,
        n: counts.scheduled,
      },
      {
        expression: "p99.9<1s",
        source: "objective",
        ok: !fault,
        actual: fault ? null : p99 * 3,
        actualServiceTime: null,
        unit: "us",
        limit: 1e6,
        n: counts.scheduled,
      },
      {
        expression: "errors<5%",
        source: "flag",
        ok: true,
        actual: 1 - counts.ok / counts.scheduled,
        unit: "fraction",
        limit: 0.05,
        n: counts.scheduled,
      },
    ],
    responseIntervalsUs: { p99: { low: p99 * 0.9, high: p99 * 1.1 } },
    perScenario: [],
    perCache: [],
    times: [],
    recall: [{ k: 10, n: seconds * 40, mean: 0.97, low: 0.968, high: 0.972 }],
    audit: [
      {
        check: "worker-busy",
        value: 0.83,
        limit: 0.8,
        unit: "share",
        message: "worker 2 was busy 83.0 % of the time: service times include waiting for it; try --workers",
      },
    ],
    abortedBy: null,
    perNode: ["q1", "q2", "q3"].map((node, index) => ({
      node,
      requests: counts.sent,
      ok: counts.sent - (index === 1 ? counts.errors : 0),
      errors: index === 1 ? counts.errors : 0,
      errorsByCause: index === 1 ? errorsByCause : {},
      serviceTimeUs: summary(whole.service),
    })),
    generator: {
      colocated: true,
      cores: 8,
      node: "26.0.0",
      platform: "linux",
      workers: [0.21, 0.83].map((busy) => ({
        busy,
        cpu: busy - 0.04,
        eventLoopDelayUs: { p50: 15, p99: 80, max: 900 },
        connectionsOpened: 12,
        gc: { share: 0.004, longestUs: 1800, count: 21 },
      })),
      pacer: { cpu: 0.04, wakes: 12_000, oversleepUs: 80, spinUs: 20 },
    },
    events: fault
      ? [
          event(0, "load", "measure", "start"),
          event(from, "fault", "kill-node q2", "start"),
          event(to, "fault", "kill-node q2", "end"),
          event(seconds * 0.75, "migration", "move shard 3: q1 → q3", "start"),
          event(seconds * 0.9, "migration", "move shard 3: q1 → q3", "end"),
        ]
      : [],
    histograms: {
      responseTime: encodeIntoCompressedBase64(whole.response),
      serviceTime: encodeIntoCompressedBase64(whole.service),
    },
    windows,
  };
  return { result, series: loadSeries(result) };
}

function event(second: number, kind: string, name: string, phase: "start" | "end"): LoadResult["events"][number] {
  return { atMs: second * 1000, kind, name, phase };
}

function histogram(): Histogram {
  return build({ bitBucketSize: 32, autoResize: false, highestTrackableValue: 3_600_000_000, numberOfSignificantValueDigits: 3 });
}

function normal(rng: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - rng())) * Math.cos(2 * Math.PI * rng());
}

type Brief = LoadResult["windows"][number]["responseTimeUs"];

function brief(of: Histogram): Brief {
  if (of.totalCount === 0) return { p50: null, p95: null, p99: null, max: null };
  return {
    p50: of.getValueAtPercentile(50),
    p95: of.getValueAtPercentile(95),
    p99: of.getValueAtPercentile(99),
    max: of.maxValue,
  };
}

function scaled(of: Brief, factor: number): Brief {
  const times = (value: number | null) => (value === null ? null : value * factor);
  return { p50: times(of.p50), p95: times(of.p95), p99: times(of.p99), max: times(of.max) };
}

function summary(of: Histogram): LoadResult["responseTimeUs"] {
  const at = (percentile: number) => of.getValueAtPercentile(percentile);
  const n = of.totalCount;
  return {
    n,
    min: of.minNonZeroValue,
    mean: Math.round(of.mean),
    p50: at(50),
    p90: at(90),
    p95: at(95),
    p99: at(99),
    p999: at(99.9),
    max: of.maxValue,
    unsupported: n < 10_000 ? ["p999"] : [],
  };
}

/** The statistics of a run without a single answer. */
export const noStatistics = {
  n: 0,
  min: null,
  mean: null,
  p50: null,
  p90: null,
  p95: null,
  p99: null,
  p999: null,
  max: null,
  unsupported: [],
};
