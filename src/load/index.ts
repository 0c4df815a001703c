import { availableParallelism } from "node:os";
import { usageError } from "../errors.ts";
import type { RunEvent } from "../runs/contract.ts";
import type { Clock, Rng } from "../runtime.ts";
import { isColocated } from "./colocated.ts";
import type { LoadSpec, ScenarioSpec } from "./contract.ts";
import { slowUsOf } from "./drops.ts";
import type { ObservedOperation } from "./observe.ts";
import { preflight } from "./operations/index.ts";
import { prepareHistograms, type LatencyHistogram } from "./recorder/histogram.ts";
import { Recorder, type ClosedWindow } from "./recorder/recorder.ts";
import type { LoadProgress, LoadResult, LoadTarget } from "./result.ts";
import { executorSummary, planOf, startScenarios, type RunPlan } from "./scenarios.ts";
import { evaluateThreshold, parseThresholds } from "./thresholds.ts";
import type { PacerReport } from "./threads/messages.ts";
import { supervise } from "./threads/supervise.ts";
import { decideVerdict } from "./verdict.ts";

type WindowSummary = LoadResult["windows"][number];

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
  /** What others put on the timeline since the last call (faults, migrations, `--events`). Four times a second. */
  events?: () => RunEvent[];
  /** Takes what each operation asked and got, as workers report it. */
  onObserved?: (operations: ObservedOperation[]) => void;
  /** Four times a second. */
  onProgress?: (progress: LoadProgress) => void;
  /** For a timeline: warm-up and measurement. What begins later is announced when the run begins; `at` says when. */
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
  const { thresholds, problems } = parseThresholds(spec.thresholds);
  if (problems.length > 0) throw usageError(problems);
  const { clock } = deps;
  const { scenarios } = spec;
  const plan = planOf(spec);
  const { warmupUs, durationUs, timeoutUs } = plan;
  const slowUs = slowUsOf(thresholds.flatMap((threshold) => (threshold.metric === "latency" ? [threshold.limitUs] : [])));

  const [colocated] = await Promise.all([isColocated(deps.urls), prepareHistograms(), preflightAll(scenarios, deps)]);
  deps.signal?.throwIfAborted();

  const windows: WindowSummary[] = [];
  const recorder = new Recorder({
    scenarios: scenarios.length,
    dueIn: dueByWindow(plan),
    onWindow: (window) => {
      const summary = summaryOf(window);
      windows.push(summary);
      deps.onWindow?.(summary);
    },
  });
  const crew = await startScenarios(spec, slowUs, (index) => recorder.sink(index), deps.onObserved);
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
    crew.go(startUs);
    const ended = await supervise(crew, {
      clock,
      lastDueUs: endUs,
      timeoutUs,
      signal: deps.signal,
      hardSignal: deps.hardSignal,
      onTick: () => {
        const nowUs = clock.monotonicUs();
        if (deps.events) events.push(...deps.events());
        recorder.closeBefore(Math.floor((nowUs - measureFromUs - timeoutUs - 1e6) / 1e6));
        deps.onProgress?.({
          elapsedMs: (nowUs - measureFromUs) / 1000,
          leftMs: Math.max(0, (endUs - nowUs) / 1000),
          counts: recorder.counts,
          responseP50Us: recorder.response.quantile(0.5),
          responseP95Us: recorder.response.quantile(0.95),
          responseP99Us: recorder.response.quantile(0.99),
          targetPerSec: plan.ratePerSec,
          errorsByCause: recorder.errorsByCause,
          perNode: recorder.nodes().map(({ node, requests, errors, serviceTimeUs }) => ({
            node,
            requests,
            errors,
            serviceP99Us: serviceTimeUs.p99 ?? undefined,
          })),
        });
      },
    });
    recorder.end();
    event("measure", "end", Math.min(endUs, ended.interruptedAtUs ?? endUs));
    if (deps.events) events.push(...deps.events());

    const ranUs = Math.max(1, Math.min(durationUs, (ended.interruptedAtUs ?? endUs) - measureFromUs));
    const workers = ended.scenarios.flatMap((scenario) => scenario.workers);
    const lastSentUs = Math.max(...workers.map((worker) => worker.lastSentUs)) - measureFromUs;
    const lastEndUs = Math.max(...workers.map((worker) => worker.lastEndUs)) - measureFromUs;
    const { counts, droppedByCause } = recorder;
    const evaluated = thresholds.map((threshold) => ({ threshold, result: evaluateThreshold(threshold, recorder) }));
    return {
      ...decideVerdict({ counts, droppedByCause, thresholds: evaluated, scheduleLagP99Us: recorder.lag.quantile(0.99) }),
      interrupted: ended.interruptedAtUs !== undefined,
      target: deps.target,
      spec: specSummary(spec, plan),
      scenarios: scenarios.map(({ name, tags, operation, executor }) => ({
        name,
        tags,
        operation: operation.kind,
        ...executorSummary(executor),
      })),
      startedAt,
      elapsedMs: Math.round(Math.max(ranUs, lastEndUs) / 1000),
      counts,
      errorsByCause: recorder.errorsByCause,
      droppedByCause,
      rates: {
        targetPerSec: plan.ratePerSec,
        // What was sent or answered after the end took longer than the duration: it must not raise the rate.
        sentPerSec: perSec(counts.sent, Math.max(ranUs, lastSentUs)),
        completedPerSec: perSec(counts.completed, Math.max(ranUs, lastEndUs)),
      },
      responseTimeUs: recorder.response.summary(),
      serviceTimeUs: recorder.service.summary(),
      scheduleLagUs: recorder.lag.summary(),
      thresholds: evaluated.map(({ result }) => result),
      perNode: recorder.nodes(),
      events: events
        .toSorted((a, b) => a.at - b.at)
        .map(({ at, ...rest }) => ({ atMs: Math.round(at - measureFromMs), ...rest })),
      generator: {
        colocated,
        cores: availableParallelism(),
        node: deps.versions.node,
        platform: deps.platform,
        workers: workers.map(({ busy, cpu, eventLoopDelayUs, connectionsOpened }) => ({
          busy,
          cpu,
          eventLoopDelayUs,
          connectionsOpened,
        })),
        pacer: pacersTogether(ended.scenarios.flatMap(({ pacer }) => pacer ?? [])),
      },
      histograms: { responseTime: recorder.response.encode(), serviceTime: recorder.service.encode() },
      windows: windows.toSorted((a, b) => a.second - b.second),
    };
  } finally {
    await crew.terminate();
    recorder.destroy();
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

/** How many operations are due in each one-second window. */
function dueByWindow({ dueBefore }: RunPlan): (window: number) => number {
  const known = new Map<number, number>();
  return (window) => {
    if (!dueBefore) return Number.POSITIVE_INFINITY;
    let due = known.get(window);
    if (due === undefined) known.set(window, (due = dueBefore((window + 1) * 1e6) - dueBefore(window * 1e6)));
    return due;
  };
}

function summaryOf({ index, all }: ClosedWindow): WindowSummary {
  const brief = (histogram: LatencyHistogram) => {
    const { p50, p99, max } = histogram.summary();
    return { p50, p99, max };
  };
  return {
    second: index,
    counts: { ...all.counts },
    responseTimeUs: brief(all.response),
    serviceTimeUs: brief(all.service),
    scheduleLagUs: brief(all.lag),
    responseHistogram: all.response.encode(),
  };
}
