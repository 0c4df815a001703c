import { build, encodeIntoCompressedBase64, type Histogram } from "hdr-histogram-js";
import type { LoadSeries, SeriesPoint } from "../../src/load/export/result.ts";
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
  const byWindow: Record<string, number>[] = [];
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
    byWindow.push(ownCauses);
    return {
      second,
      counts: own.counts,
      responseTimeUs: brief(own.response),
      serviceTimeUs: brief(own.service),
      scheduleLagUs: brief(own.lag),
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
      },
      {
        expression: "p99.9<1s",
        source: "objective",
        ok: !fault,
        actual: fault ? null : p99 * 3,
        actualServiceTime: null,
        unit: "us",
        limit: 1e6,
      },
      {
        expression: "errors<5%",
        source: "flag",
        ok: true,
        actual: 1 - counts.ok / counts.scheduled,
        unit: "fraction",
        limit: 0.05,
      },
    ],
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
  const plain = loadSeries(result);
  const points = plain.points.map((point, index): SeriesPoint => {
    const troubled = fault && point.second >= from && point.second < to;
    const mean = troubled ? 0.91 + rng() * 0.02 : 0.985 + rng() * 0.008;
    const node = (factor: number): SeriesPoint["nodes"][string] => ({
      requests: 200,
      errors: 0,
      p50Us: point.p50Us === null ? null : point.p50Us * 0.6 * factor,
      p99Us: point.p99Us === null ? null : point.p99Us * 0.7 * factor,
    });
    return {
      ...point,
      errorsByCause: byWindow[index] ?? {},
      nodes: troubled ? { q1: node(1), q3: node(1.3) } : { q1: node(1), q2: node(1.1), q3: node(1.3) },
      ratios: { "recall@10": { mean, low: mean - 0.012, high: Math.min(1, mean + 0.012), n: 40 } },
    };
  });
  return { result, series: { ...plain, points } };
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

function brief(of: Histogram) {
  if (of.totalCount === 0) return { p50: null, p99: null, max: null };
  return { p50: of.getValueAtPercentile(50), p99: of.getValueAtPercentile(99), max: of.maxValue };
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
