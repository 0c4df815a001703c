import { availableParallelism } from "node:os";
import { usageError } from "../errors.ts";
import type { Clock, Rng } from "../runtime.ts";
import { isColocated } from "./colocated.ts";
import type { LoadSpec, Schedule } from "./contract.ts";
import { slowUsOf } from "./drops.ts";
import { preflight } from "./operations/index.ts";
import { prepareHistograms } from "./recorder/histogram.ts";
import { Recorder, type WindowSummary } from "./recorder/recorder.ts";
import { SampleReader } from "./recorder/samples.ts";
import type { RunEvent } from "../runs/contract.ts";
import type { LoadProgress, LoadResult, LoadTarget } from "./result.ts";
import { buildSchedule, firstDueAt } from "./schedules/index.ts";
import { evaluateThreshold, parseThresholds } from "./thresholds.ts";
import { startCrew } from "./threads/crew.ts";
import { supervise } from "./threads/supervise.ts";
import { decideVerdict } from "./verdict.ts";

export interface LoadDeps {
  clock: Clock;
  rng: Rng;
  /** What the target is, for the report. */
  target: LoadTarget;
  /** Where the operations go, for saying whether the generator shares their machine. */
  urls: readonly string[];
  versions: { node: string };
  platform: string;
  /** First: stop sending, wait for what is under way, report. */
  signal?: AbortSignal;
  /** Second: report at once; what is under way is unfinished. */
  hardSignal?: AbortSignal;
  /** Each second of the schedule, once everything due in it has an outcome. */
  onWindow?: (window: WindowSummary) => void;
  /** Four times a second. */
  onProgress?: (progress: LoadProgress) => void;
  /** For a timeline: warm-up and measurement. What begins later is announced when the run begins; `at` says when. */
  onEvent?: (event: RunEvent) => void;
}

/** Between `go` and the first operation: time for the message to arrive everywhere. */
const leadInUs = 50_000;

/**
 * Runs one load test: open loop, paced by a thread of its own, sent by worker threads, counted here. Nothing is sent before the whole
 * spec has been checked and one request has been answered.
 * @throws RagctlError exit 2 with every problem of the spec; exit 3 when the target cannot be reached at the start
 */
export async function runLoad(spec: LoadSpec, deps: LoadDeps): Promise<LoadResult> {
  const { thresholds, problems } = parseThresholds(spec.thresholds);
  if (problems.length > 0) throw usageError(problems);
  const { clock } = deps;
  const schedule = buildSchedule(spec.schedule);
  const { warmupUs, durationUs } = spec.schedule;
  const slowUs = slowUsOf(thresholds.flatMap((threshold) => (threshold.metric === "latency" ? [threshold.limitUs] : [])));

  const [colocated] = await Promise.all([
    isColocated(deps.urls),
    prepareHistograms(),
    preflight(spec.operation, {
      clock,
      nowUs: () => clock.monotonicUs(),
      rng: deps.rng,
      seed: spec.seed,
      timeoutMs: Math.ceil(spec.timeoutUs / 1000),
      maxInFlight: spec.maxInFlight,
      purpose: "load preflight",
    }),
  ]);
  deps.signal?.throwIfAborted();

  const windows: WindowSummary[] = [];
  const recorder = new Recorder(dueByWindow(schedule), (window) => {
    windows.push(window);
    deps.onWindow?.(window);
  });
  const readers = Array.from({ length: spec.workers }, () => new SampleReader(recorder));
  const crew = await startCrew(spec, slowUs, (worker, chunk) => readers[worker]!.read(chunk));
  try {
    const startUs = clock.monotonicUs() + leadInUs;
    const measureFromUs = startUs + warmupUs;
    const startedAt = new Date(clock.nowMs() + (measureFromUs - clock.monotonicUs()) / 1000).toISOString();
    const endUs = startUs + schedule.endUs;
    const event = (name: string, phase: RunEvent["phase"], atUs: number) =>
      deps.onEvent?.({ at: clock.nowMs() + (atUs - clock.monotonicUs()) / 1000, kind: "load", name, phase });
    if (warmupUs > 0) event("warm-up", "start", startUs);
    if (warmupUs > 0) event("warm-up", "end", measureFromUs);
    event("measure", "start", measureFromUs);
    crew.go(startUs);
    const ended = await supervise(crew, {
      clock,
      lastDueUs: endUs,
      timeoutUs: spec.timeoutUs,
      signal: deps.signal,
      hardSignal: deps.hardSignal,
      onTick: () => {
        const nowUs = clock.monotonicUs();
        deps.onProgress?.({
          elapsedMs: (nowUs - measureFromUs) / 1000,
          leftMs: Math.max(0, (endUs - nowUs) / 1000),
          counts: recorder.counts,
          responseP50Us: recorder.response.quantile(0.5),
          responseP95Us: recorder.response.quantile(0.95),
          responseP99Us: recorder.response.quantile(0.99),
          targetPerSec: spec.schedule.ratePerSec,
          errorsByCause: recorder.errorsByCause,
          perNode: recorder.nodesSoFar(),
        });
      },
    });
    recorder.end();
    event("measure", "end", Math.min(endUs, ended.interruptedAtUs ?? endUs));

    const ranUs = Math.max(1, Math.min(durationUs, (ended.interruptedAtUs ?? endUs) - measureFromUs));
    const lastSentUs = Math.max(...ended.workers.map((worker) => worker.lastSentUs)) - measureFromUs;
    const lastEndUs = Math.max(...ended.workers.map((worker) => worker.lastEndUs)) - measureFromUs;
    const { counts, droppedByCause } = recorder;
    const evaluated = thresholds.map((threshold) => ({ threshold, result: evaluateThreshold(threshold, recorder) }));
    return {
      ...decideVerdict({ counts, droppedByCause, thresholds: evaluated, scheduleLagP99Us: recorder.lag.quantile(0.99) }),
      interrupted: ended.interruptedAtUs !== undefined,
      target: deps.target,
      spec: {
        executor: spec.schedule.kind,
        ratePerSec: spec.schedule.ratePerSec,
        warmupMs: warmupUs / 1000,
        durationMs: durationUs / 1000,
        timeoutMs: spec.timeoutUs / 1000,
        maxInFlight: spec.maxInFlight,
        workers: spec.workers,
        seed: spec.seed,
      },
      startedAt,
      elapsedMs: Math.round(Math.max(ranUs, lastEndUs) / 1000),
      counts,
      errorsByCause: recorder.errorsByCause,
      droppedByCause,
      rates: {
        targetPerSec: spec.schedule.ratePerSec,
        // What was sent or answered after the end took longer than the duration: it must not raise the rate.
        sentPerSec: perSec(counts.sent, Math.max(ranUs, lastSentUs)),
        completedPerSec: perSec(counts.completed, Math.max(ranUs, lastEndUs)),
      },
      responseTimeUs: recorder.response.summary(),
      serviceTimeUs: recorder.service.summary(),
      scheduleLagUs: recorder.lag.summary(),
      thresholds: evaluated.map(({ result }) => result),
      perNode: recorder.nodes(),
      generator: {
        colocated,
        cores: availableParallelism(),
        node: deps.versions.node,
        platform: deps.platform,
        workers: ended.workers.map(({ busy, cpu, eventLoopDelayUs, connectionsOpened }) => ({
          busy,
          cpu,
          eventLoopDelayUs,
          connectionsOpened,
        })),
        pacer: ended.pacer,
      },
      histograms: { responseTime: recorder.response.encode(), serviceTime: recorder.service.encode() },
      windows: windows.toSorted((a, b) => a.second - b.second),
    };
  } finally {
    await crew.terminate();
    recorder.destroy();
  }
}

function perSec(count: number, us: number): number {
  return Number(((count / us) * 1e6).toFixed(3));
}

/** How many operations the schedule has in each one-second window. */
function dueByWindow(schedule: Schedule): (window: number) => number {
  const known = new Map<number, number>();
  return (window) => {
    let due = known.get(window);
    if (due === undefined) {
      const fromUs = schedule.warmupUs + window * 1e6;
      due = firstDueAt(schedule, Math.min(schedule.endUs, fromUs + 1e6)) - firstDueAt(schedule, fromUs);
      known.set(window, due);
    }
    return due;
  };
}
