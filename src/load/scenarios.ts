import type { ExecutorSpec, LoadSpec, ScenarioSpec } from "./contract.ts";
import { hasIterations, mostUsers } from "./closed/users.ts";
import { SampleReader } from "./recorder/samples.ts";
import type { SampleSink } from "./recorder/sink.ts";
import { buildSchedule, firstDueAt, isClosed } from "./schedules/index.ts";
import { edgeUs } from "./windows/length.ts";
import { startCrew, type Crew, type CrewListeners } from "./threads/crew.ts";
import type { PacerReport, WorkerReport } from "./threads/messages.ts";

/** A spec of one scenario, as the flags of `ragctl load` describe it. */
export function singleScenario(scenario: Omit<ScenarioSpec, "name" | "tags">, rest: Pick<LoadSpec, "thresholds">): LoadSpec {
  return { scenarios: [{ name: scenario.operation.kind, tags: {}, ...scenario }], seed: scenario.seed, ...rest };
}

/** When what is measured begins and ends, µs after offset 0 of the run, and how much is due when. */
export interface RunPlan {
  warmupUs: number;
  /** When the last operation of any scenario may begin. */
  endUs: number;
  /** Of the measured part. */
  durationUs: number;
  timeoutUs: number;
  /** Operations that the open scenarios have in the measured part ÷ its length; null where all are closed. */
  ratePerSec: number | null;
  /** Operations that are due before an offset from the start of the measured part; undefined where a closed scenario makes that unknown. */
  dueBefore: ((offsetUs: number) => number) | undefined;
}

export function planOf({ scenarios }: Pick<LoadSpec, "scenarios">): RunPlan {
  const warmupUs = Math.max(...scenarios.map(({ executor }) => executor.warmupUs));
  const endUs = warmupUs + Math.max(...scenarios.map(({ executor }) => (executor.startUs ?? 0) + executor.durationUs));
  const schedules = scenarios.flatMap(({ executor }) => (isClosed(executor) ? [] : [buildSchedule(executor)]));
  const warm = schedules.map((schedule) => firstDueAt(schedule, warmupUs));
  const due = schedules.reduce((sum, { total }, index) => sum + total - warm[index]!, 0);
  const [first] = scenarios;
  const stated =
    scenarios.length === 1 && first?.executor.kind === "constant-arrival-rate" ? first.executor.ratePerSec : undefined;
  return {
    warmupUs,
    endUs,
    durationUs: endUs - warmupUs,
    timeoutUs: Math.max(...scenarios.map(({ timeoutUs }) => timeoutUs)),
    ratePerSec: schedules.length === 0 ? null : (stated ?? Number(((due / (endUs - warmupUs)) * 1e6).toPrecision(6))),
    dueBefore:
      schedules.length < scenarios.length
        ? undefined
        : (offsetUs) =>
            schedules.reduce(
              (sum, schedule, index) => sum + firstDueAt(schedule, warmupUs + offsetUs - edgeUs) - warm[index]!,
              0,
            ),
  };
}

/** What became of one scenario's threads. */
export interface ScenarioReport {
  workers: WorkerReport[];
  pacer: PacerReport | undefined;
}

/** The crews of all scenarios as one. */
export interface ScenarioCrews extends Omit<Crew, "done"> {
  readonly done: Promise<{ scenarios: ScenarioReport[] }>;
}

/**
 * Starts the threads of every scenario, each ready to go.
 * @param sinkOf where the scenario with this index is counted
 * @throws RagctlError that an operation met while it was set up
 */
export async function startScenarios(
  { scenarios }: Pick<LoadSpec, "scenarios">,
  slowUs: number,
  sinkOf: (scenario: number) => SampleSink,
  { onObserved, onClientEvents }: Pick<CrewListeners, "onObserved" | "onClientEvents">,
): Promise<ScenarioCrews> {
  const started = await Promise.allSettled(
    scenarios.map((scenario, index) => {
      const sink = sinkOf(index);
      const readers = Array.from({ length: scenario.workers }, () => new SampleReader(sink));
      return startCrew(scenario, slowUs, {
        onSamples: (worker, chunk) => readers[worker]!.read(chunk),
        ...(onObserved && { onObserved }),
        ...(onClientEvents && { onClientEvents }),
      });
    }),
  );
  const crews = started.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
  const terminate = async () => void (await Promise.all(crews.map((crew) => crew.terminate())));
  const failed = started.find((each) => each.status === "rejected");
  if (failed) {
    await terminate();
    throw failed.reason;
  }
  return {
    go: (startUs) => crews.forEach((crew) => crew.go(startUs)),
    stop: () => crews.forEach((crew) => crew.stop()),
    abandon: () => crews.forEach((crew) => crew.abandon()),
    done: Promise.all(crews.map((crew) => crew.done)).then((reports) => ({ scenarios: reports })),
    terminate,
  };
}

/** What an executor was asked for, as a result says it. */
export interface ExecutorSummary {
  executor: ExecutorSpec["kind"];
  startMs: number;
  durationMs: number;
  /** Of an open one: the mean over its duration. */
  ratePerSec?: number;
  /** Of a closed one: users at most. */
  vus?: number;
  iterations?: number;
}

export function executorSummary(executor: ExecutorSpec): ExecutorSummary {
  const { kind, durationUs, startUs = 0 } = executor;
  const common = { executor: kind, startMs: startUs / 1000, durationMs: durationUs / 1000 };
  if (isClosed(executor))
    return { ...common, vus: mostUsers(executor), ...(hasIterations(executor) && { iterations: executor.iterations }) };
  const { total } = buildSchedule({ ...executor, startUs: 0, warmupUs: 0 });
  return { ...common, ratePerSec: Number(((total / durationUs) * 1e6).toPrecision(6)) };
}
