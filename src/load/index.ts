import { availableParallelism } from "node:os";
import { usageError } from "../errors.ts";
import type { ClientEvent } from "../cluster/events.ts";
import type { RunEvent } from "../runs/contract.ts";
import type { Clock, Rng } from "../runtime.ts";
import { holdYoungGeneration } from "../young-generation.ts";
import { isColocated } from "./colocated.ts";
import type { LoadSpec, ScenarioSpec } from "./contract.ts";
import { slowUsOf } from "./drops.ts";
import { watchNodeCpu } from "./node-cpu.ts";
import type { ObservedOperation } from "./observe.ts";
import { cachingOf } from "./caching.ts";
import { preflight } from "./operations/index.ts";
import { audit } from "./audit.ts";
import { Measurement } from "./measurement.ts";
import { memoryOnlyEpisodes } from "./memory-only.ts";
import { prepareHistograms } from "./recorder/histogram.ts";
import type { LoadProgress, LoadResult, LoadTarget } from "./result.ts";
import { executorSummary, planOf, startScenarios, type RunPlan } from "./scenarios.ts";
import { parseThresholds, type ThresholdContext } from "./thresholds.ts";
import type { PacerReport } from "./threads/messages.ts";
import { supervise } from "./threads/supervise.ts";
import { decideVerdict } from "./verdict.ts";
import type { WindowRecord } from "./windows/record.ts";
import type { WindowSummary } from "./windows/summary.ts";

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
  /** Where the windows are written as they close, with all their histograms; undefined: nowhere. */
  windowsFile?: string;
  warn?: (text: string) => void;
  /** Each window (a second; finer in a run of less than a minute), once everything due in it has an outcome; in order of time. */
  onWindow?: (window: WindowSummary) => void;
  /** The same, with all that is known of the window: for judging stretches of the run by thresholds of one's own (`windows/judge.ts`). */
  onRecord?: (record: WindowRecord) => void;
  /** What others put on the timeline since the last call (faults, migrations, `--events`). Four times a second. */
  events?: () => RunEvent[];
  /** Takes what each operation asked and got, as workers report it. */
  onObserved?: (operations: ObservedOperation[]) => void;
  /** Four times a second. */
  onProgress?: (progress: LoadProgress) => void;
  /** For a timeline: warm-up and measurement (what begins later is announced when the run begins; `at` says when), and what the operations' clients make of their nodes. */
  onEvent?: (event: RunEvent) => void;
}

/** Between `go` and the first operation: time for the message to arrive everywhere. */
const leadInUs = 50_000;

/**
 * Runs one load test: scenarios side by side, each paced by a thread of its own (or driven by its virtual users), sent by worker threads, counted here. Nothing is
 * sent before the whole spec has been checked and one request of each scenario has been answered.
 * @throws RagctlError exit 2 with every problem of the spec; exit 3 when the target cannot be reached at the start
 */
export async function runLoad(spec: LoadSpec, deps: LoadDeps): Promise<LoadResult> {
  const { thresholds, problems } = parseThresholds(spec.thresholds, thresholdContext(spec));
  if (problems.length > 0) throw usageError(problems);
  const { clock } = deps;
  const { scenarios } = spec;
  const plan = planOf(spec);
  const { warmupUs, durationUs, timeoutUs } = plan;
  const slowUs = slowUsOf(thresholds.flatMap((threshold) => (threshold.metric === "latency" ? [threshold.limitUs] : [])));

  const [colocated] = await Promise.all([isColocated(deps.urls), prepareHistograms(), preflightAll(scenarios, deps)]);
  deps.signal?.throwIfAborted();

  holdYoungGeneration();
  const measurement = new Measurement({
    scenarios: scenarios.map(({ name, operation }) => ({ name, operation: operation.kind })),
    durationUs,
    timeoutUs,
    dueBefore: plan.dueBefore,
    thresholds,
    windowsFile: deps.windowsFile,
    onWindow: deps.onWindow,
    onRecord: deps.onRecord,
  });
  const given = new AbortController();
  let abortedBy: string | undefined;
  const clientEvents: ClientEvent[] = [];
  const crew = await startScenarios(spec, slowUs, (index) => measurement.sink(index), {
    ...(deps.onObserved && { onObserved: deps.onObserved }),
    onClientEvents: (told) => {
      clientEvents.push(...told);
      for (const each of told) deps.onEvent?.(each);
    },
  });
  try {
    const startUs = clock.monotonicUs() + leadInUs;
    const measureFromUs = startUs + warmupUs;
    const measureFromMs = clock.nowMs() + (measureFromUs - clock.monotonicUs()) / 1000;
    const startedAt = new Date(measureFromMs).toISOString();
    const endUs = startUs + plan.endUs;
    const events: RunEvent[] = [];
    const event = (name: string, phase: RunEvent["phase"], atUs: number) => {
      const own: RunEvent = { at: measureFromMs + (atUs - measureFromUs) / 1000, kind: "load", name, phase };
      events.push(own);
      deps.onEvent?.(own);
    };
    if (warmupUs > 0) event("warm-up", "start", startUs);
    if (warmupUs > 0) event("warm-up", "end", measureFromUs);
    event("measure", "start", measureFromUs);
    const nodeCpu = watchNodeCpu("nodes" in deps.target ? deps.target.nodes : [], clock);
    crew.go(startUs);
    const ended = await supervise(crew, {
      clock,
      lastDueUs: endUs,
      timeoutUs,
      signal: deps.signal ? AbortSignal.any([deps.signal, given.signal]) : given.signal,
      hardSignal: deps.hardSignal,
      onTick: () => {
        const nowUs = clock.monotonicUs();
        if (deps.events) events.push(...deps.events());
        const broken = measurement.tick(nowUs - measureFromUs);
        if (broken && abortedBy === undefined) {
          abortedBy = broken.expression;
          given.abort();
        }
        deps.onProgress?.({
          elapsedMs: (nowUs - measureFromUs) / 1000,
          leftMs: Math.max(0, (endUs - nowUs) / 1000),
          targetPerSec: plan.ratePerSec,
          ...measurement.progress(),
        });
      },
    });
    const { result: measured, thresholds: evaluated } = measurement.end();
    event("measure", "end", Math.min(endUs, ended.interruptedAtUs ?? clock.monotonicUs()));
    if (deps.events) events.push(...deps.events());
    const nodesCpu = nodeCpu();

    // Counted iterations are usually through long before the time that they may take at most.
    const throughUs = scenarios.some(({ executor }) => "iterations" in executor) ? Math.min(endUs, clock.monotonicUs()) : endUs;
    const ranUs = Math.max(1, Math.min(durationUs, (ended.interruptedAtUs ?? throughUs) - measureFromUs));
    const workers = ended.scenarios.flatMap((scenario) => scenario.workers);
    const lastSentUs = Math.max(...workers.map((worker) => worker.lastSentUs)) - measureFromUs;
    const lastEndUs = Math.max(...workers.map((worker) => worker.lastEndUs)) - measureFromUs;
    const { counts } = measured;
    const { lag, droppedByCause } = measurement.recorder;
    const scheduleLagP99Us = lag.quantile(0.99);
    const timeline = [...events, ...clientEvents].toSorted((a, b) => a.at - b.at).map((each) => onTimeline(each, measureFromMs));
    const memoryOnly = memoryOnlyEpisodes(timeline);
    const caching = cachingOf(scenarios, measured, ranUs / 1000);
    return {
      ...decideVerdict({
        counts,
        droppedByCause,
        thresholds: evaluated,
        scheduleLagP99Us,
        ...(plan.ratePerSec === null
          ? {}
          : { sending: { wantedUs: ranUs, tookUs: Math.max(ranUs, lastSentUs), scheduleLagP50Us: lag.quantile(0.5) ?? 0 } }),
      }),
      interrupted: ended.interruptedAtUs !== undefined && abortedBy === undefined,
      abortedBy: abortedBy ?? null,
      target: deps.target,
      spec: specSummary(spec, plan),
      scenarios: scenarios.map(scenarioSummary),
      startedAt,
      elapsedMs: Math.round(Math.max(ranUs, lastEndUs) / 1000),
      ...measured,
      ...recallTruth(scenarios),
      rates: {
        targetPerSec: plan.ratePerSec,
        // What was sent or answered after the end took longer than the duration: it must not raise the rate.
        sentPerSec: perSec(counts.sent, Math.max(ranUs, lastSentUs)),
        completedPerSec: perSec(counts.completed, Math.max(ranUs, lastEndUs)),
      },
      thresholds: evaluated.map(({ result }) => result),
      audit: audit({
        workers,
        counts,
        droppedForSockets: droppedByCause.sockets,
        scheduleLagP99Us,
        paced: plan.ratePerSec !== null,
      }),
      ...(caching.length > 0 && { caching }),
      ...(memoryOnly.length > 0 && { memoryOnly }),
      events: timeline,
      generator: {
        colocated,
        cores: availableParallelism(),
        node: deps.versions.node,
        platform: deps.platform,
        workers: workers.map(({ busy, cpu, eventLoopDelayUs, connectionsOpened, gc }) => ({
          busy,
          cpu,
          eventLoopDelayUs,
          connectionsOpened,
          gc,
        })),
        nodesCpu,
        pacer: pacersTogether(ended.scenarios.flatMap(({ pacer }) => pacer ?? [])),
      },
    };
  } finally {
    await crew.terminate();
    const unwritten = await measurement.destroy();
    if (unwritten !== undefined) deps.warn?.(`the windows of the run could not be written: ${unwritten}`);
  }
}

/** One request of each scenario, ahead of the run. */
async function preflightAll(scenarios: readonly ScenarioSpec[], { clock, rng }: LoadDeps): Promise<void> {
  await Promise.all(
    scenarios.map(({ operation, timeoutUs, maxInFlight, seed }) =>
      preflight(operation, {
        clock,
        nowUs: () => clock.monotonicUs(),
        rng,
        seed,
        stride: 1,
        timeoutMs: Math.ceil(timeoutUs / 1000),
        maxInFlight,
        purpose: "load preflight",
      }),
    ),
  );
}

function onTimeline({ at, ...event }: RunEvent, measureFromMs: number): LoadResult["events"][number] {
  return { atMs: Math.round(at - measureFromMs), ...event };
}

function scenarioSummary({ name, tags, operation, executor }: ScenarioSpec): LoadResult["scenarios"][number] {
  const summary = executorSummary(executor);
  return Object.assign(summary, { name, tags, operation: operation.kind });
}

function specSummary({ scenarios, seed }: LoadSpec, plan: RunPlan): LoadResult["spec"] {
  const [first] = scenarios;
  return {
    executor: scenarios.length === 1 ? first!.executor.kind : "several",
    ratePerSec: plan.ratePerSec,
    warmupMs: plan.warmupUs / 1000,
    durationMs: plan.durationUs / 1000,
    timeoutMs: plan.timeoutUs / 1000,
    maxInFlight: scenarios.reduce((sum, { maxInFlight }) => sum + maxInFlight, 0),
    workers: scenarios.reduce((sum, { workers }) => sum + workers, 0),
    seed,
  };
}

function recallTruth(scenarios: readonly ScenarioSpec[]): Pick<LoadResult, "recallTruth"> {
  const sources = scenarios.flatMap(({ name, operation }) =>
    operation.kind === "search" && operation.recall ? [{ scenario: name, ...operation.recall.source }] : [],
  );
  return sources.length === 0 ? {} : { recallTruth: sources };
}

function pacersTogether(pacers: readonly PacerReport[]): LoadResult["generator"]["pacer"] {
  const [first, ...others] = pacers;
  if (!first || others.length === 0) return first ?? null;
  const known = pacers.flatMap(({ cpu }) => cpu ?? []);
  return {
    cpu: known.length === pacers.length ? known.reduce((sum, cpu) => sum + cpu, 0) : null,
    wakes: pacers.reduce((sum, { wakes }) => sum + wakes, 0),
    oversleepUs: Math.max(...pacers.map(({ oversleepUs }) => oversleepUs)),
    spinUs: Math.max(...pacers.map(({ spinUs }) => spinUs)),
  };
}

function perSec(count: number, us: number): number {
  return Number(((count / us) * 1e6).toFixed(3));
}

/** What thresholds may be about. */
function thresholdContext({ scenarios }: LoadSpec): ThresholdContext {
  return {
    scopes: [...new Set(scenarios.flatMap(({ name, operation }) => [name, operation.kind]))],
    recallKs: scenarios.flatMap(({ operation }) => (operation.kind === "search" ? (operation.recall?.ks ?? []) : [])),
  };
}
