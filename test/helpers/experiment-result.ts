import type { LoadSeries } from "../../src/load/export/result.ts";
import { loadSeries } from "../../src/load/export/series.ts";
import type { ExperimentResult } from "../../src/experiments/result.ts";
import { sampleRun } from "./load-result.ts";

/** An experiment as `ragctl chaos run` would write it: a node hangs for a fifth of it, and breakers and tables notice. */
export function sampleExperiment({ seconds = 60 } = {}): { experiment: ExperimentResult; series: LoadSeries } {
  const { result } = sampleRun({ seconds, fault: true });
  const [fromMs, toMs] = [Math.floor(seconds * 0.35) * 1000 + 200, Math.floor(seconds * 0.55) * 1000 + 400];
  const endMs = seconds * 1000;
  const event = (atMs: number, kind: string, name: string, phase: "start" | "end", detail?: unknown) => ({
    atMs,
    kind,
    name,
    phase,
    ...(detail !== undefined && { detail }),
  });
  const client = { client: "load search 1" };
  const timeline = [
    event(0, "load", "measure", "start"),
    event(fromMs - 200, "experiment", "method", "start"),
    event(fromMs, "fault", "hang q2", "start", { id: "hang-1", targets: [{ node: "q2", kind: "process" }] }),
    event(fromMs + 1500, "silent", "q2", "start", client),
    event(fromMs + 1600, "breaker", "q2", "start", client),
    event(fromMs + 1800, "stale", "q2", "start", { ...client, collection: "docs" }),
    event(toMs, "fault", "hang q2", "end", { id: "hang-1", probe: "gone" }),
    event(toMs, "silent", "q2", "end", client),
    event(toMs + 100, "half-open", "q2", "start", { ...client, share: 0.1 }),
    event(toMs + 2100, "half-open", "q2", "end", client),
    event(toMs + 2100, "breaker", "q2", "end", client),
    event(endMs, "load", "measure", "end"),
  ];
  const load = { ...result, verdict: "pass" as const, reasons: [], thresholds: [], events: timeline };
  const phase = (name: "before" | "during" | "after", from: number, to: number, availability: number) => ({
    name,
    fromMs: from,
    toMs: to,
    scheduled: Math.round((to - from) / 5),
    availability,
    errorsByCause: {},
    p50Us: 2200,
    p99Us: name === "during" ? 61_000 : 6400,
    recall: name === "during" ? 0.91 : 0.988,
    thresholds: [
      {
        expression: "errors: rate<1%",
        ok: name !== "during",
        actual: 1 - availability,
        unit: "fraction" as const,
        limit: 0.01,
        n: 4000,
      },
    ],
  });
  const experiment: ExperimentResult = {
    verdict: "fail",
    reasons: ["recover<5s was not met: it was 6.80 s"],
    interrupted: false,
    stoppedBy: null,
    experiment: {
      name: "gray-failure",
      file: "profiles/chaos/gray-failure.yaml",
      description: "one node hangs under load",
      seed: 1,
    },
    cluster: "local",
    collection: "ragctl-chaos",
    startedAt: result.startedAt,
    steadyState: { windowMs: 5000, thresholds: ["errors: rate<1%", "recall@10: mean>0.9"], before: "held", after: "held" },
    availability: 0.958,
    detectMs: 1500,
    failoverMs: null,
    recoverMs: 6800,
    recoverAfterHealMs: 0,
    writes: {
      acknowledged: 1200,
      unknown: 3,
      keys: 500,
      lost: 1,
      lostEverywhere: 0,
      doubled: 0,
      stale: 2,
      staleWithinLease: 2,
      reads: 600,
      copies: 1000,
      unaudited: 0,
      notServing: [],
      examples: [],
    },
    objectives: [
      { expression: "recover<5s", ok: false, actual: 6800, unit: "ms", limit: 5000 },
      { expression: "availability>95%", ok: true, actual: 0.958, unit: "share", limit: 0.95 },
      { expression: "lost<=1", ok: true, actual: 1, unit: "count", limit: 1 },
    ],
    phases: [phase("before", 0, fromMs, 1), phase("during", fromMs, toMs, 0.9), phase("after", toMs, endMs, 0.9998)],
    steps: [
      {
        name: "hang q2",
        kind: "fault",
        startMs: fromMs - 200,
        endMs: toMs,
        outcome: "done",
        nodes: ["q2"],
        fault: {
          id: "hang-1",
          fault: "hang",
          injectedMs: fromMs,
          healedMs: toMs,
          detectMs: 1500,
          failoverMs: null,
          recoverMs: 6800,
        },
      },
      { name: "wait", kind: "wait", startMs: fromMs, endMs: fromMs + 5000, outcome: "done" },
      { name: "ragctl status", kind: "ragctl", startMs: null, endMs: null, outcome: "skipped" },
    ],
    nodes: ["q1", "q2", "q3"].map((node) => ({
      node,
      breakerOpened: node === "q2" ? 1 : 0,
      breakerOpenMs: node === "q2" ? 12_300 : 0,
      staleMs: node === "q2" ? 14_000 : 0,
      silentMs: node === "q2" ? 10_700 : 0,
      hedges: node === "q2" ? 31 : 0,
      requestShare: { before: 1 / 3, during: node === "q2" ? 0 : 0.5, after: 1 / 3 },
    })),
    seconds: load.windows.map(({ second, counts, responseTimeUs, recall }) => ({
      atMs: second * 1000,
      scheduled: counts.scheduled,
      ok: counts.ok,
      p99Us: responseTimeUs.p99,
      recall: recall?.["recall@10"]?.mean ?? null,
      holds: true,
    })),
    unhealed: [],
    timeline,
    load,
  };
  return { experiment, series: loadSeries(load) };
}
