import type { StoppedBy } from "../faults/guard/result.ts";
import type { LoadResult } from "../load/result.ts";
import type { StretchJudgement } from "../load/windows/judge.ts";
import type { ActRecord } from "./acts.ts";
import { availabilityOf } from "./measure/availability.ts";
import { cacheSigns } from "./measure/cache-signs.ts";
import { faultFigures, longest, type FaultFigures } from "./measure/faults.ts";
import type { Judged } from "./measure/hold.ts";
import { nodeFigures, type Ranges } from "./measure/nodes.ts";
import { spansOf } from "./measure/react.ts";
import { judgeObjective } from "./objectives.ts";
import type { PreparedExperiment } from "./prepare.ts";
import { describeExperiment } from "./profile/read.ts";
import type { ExperimentResult, StepResult } from "./result.ts";
import { ownCollections } from "./setup.ts";
import { experimentVerdict } from "./verdict.ts";

/** What an experiment brought, before it is worked out. Times are ms after the measurement began. */
export interface Brought {
  prepared: PreparedExperiment;
  load: LoadResult;
  steps: StepResult[];
  acts: readonly ActRecord[];
  unhealed: { id: string; message: string }[];
  judged: readonly Judged[];
  /** Thresholds on a stretch. */
  judge: (fromMs: number, toMs: number) => StretchJudgement;
  before: { verdict: "held" | "failed" | "inconclusive"; reasons: readonly string[] };
  failed: string | undefined;
  recovered: { ok: boolean; missing: string[] } | undefined;
  writes: ExperimentResult["writes"];
  stoppedBy: StoppedBy | null;
  interrupted: boolean;
  /** Up to here the load is known. */
  endMs: number;
}

/** Seconds as a measure sees them. */
function secondsOf({ windows }: LoadResult, scenario?: string) {
  return windows.flatMap(({ second, seconds, counts: all, perScenario }) => {
    const counts = scenario === undefined ? all : perScenario[scenario]?.counts;
    return counts ? [{ atMs: second * 1000, lengthMs: seconds * 1000, scheduled: counts.scheduled, ok: counts.ok }] : [];
  });
}

/** Figures, verdict and timeline of an experiment. Pure. */
export function assembleResult(brought: Brought): ExperimentResult {
  const { prepared, load, acts, before, endMs } = brought;
  const { read, cluster } = prepared;
  const { profile } = read;
  const seconds = secondsOf(load);
  const caches = cacheSigns(cluster, load);
  const spans = spansOf([...load.events.filter(({ kind }) => kind !== "memory-only"), ...caches.events]);
  const firstMs = acts.length === 0 ? undefined : Math.min(...acts.map(({ injectedMs }) => injectedMs));
  const healed = acts.map(({ healedMs }) => healedMs ?? endMs);
  const lastHealedMs = healed.length === 0 ? undefined : Math.max(...healed);
  const ranges = rangesOf(firstMs, lastHealedMs, prepared.methodAtMs, endMs);
  const observed = {
    judged: brought.judged,
    nodeSeconds: new Map([...nodeSeconds(load), ...caches.seconds]),
    spans,
    endMs,
    windowMs: Math.max(1, Math.ceil(profile.steadyState.window / 1000)) * 1000,
  };
  const figures = acts.map((act) => faultFigures(act, acts, observed));
  const recovered = faultFigures({ nodes: [], injectedMs: lastHealedMs ?? endMs, healedMs: undefined }, [], observed).recoverMs;
  const fromMs = firstMs === undefined ? undefined : ranges.during[0];
  const availability = availabilityOf(seconds, fromMs).share;
  const several = load.perScenario.length > 0;
  const availabilityOfOne = (scenario: string) => {
    const { share, scheduled } = availabilityOf(secondsOf(load, several ? scenario : undefined), fromMs);
    return scheduled === 0 ? null : share;
  };
  const totals = {
    detectMs: longest(figures.map((each) => each.detectMs)),
    failoverMs: longest(figures.map((each) => each.failoverMs)),
    recoverMs: longest(figures.map((each) => each.recoverMs)),
    recoverAfterHealMs: acts.length === 0 ? null : recovered,
  };
  const writes = brought.writes;
  // What only writes can tell is no objective of a load without them.
  const objectives = prepared.objectives
    .filter(({ subject }) => writes !== null || !(subject === "lost" || subject === "doubled" || subject === "stale"))
    .map((objective) =>
      judgeObjective(objective, {
        ...totals,
        availability,
        availabilityOf: availabilityOfOne,
        lost: writes?.lost ?? null,
        doubled: writes?.doubled ?? null,
        stale: writes?.stale ?? null,
      }),
    );
  const began = before.verdict === "held";
  const verdict = experimentVerdict({
    before,
    failed: brought.failed,
    recovered: brought.recovered && { ...brought.recovered, withinMs: profile.recovery.within },
    objectives: began ? objectives : [],
    unhealed: brought.unhealed,
    load,
  });
  const recallAt = new Map(load.windows.map((window) => [window.second, Object.values(window.recall ?? {})[0]?.mean ?? null]));
  const holdsAt = new Map(brought.judged.map(({ atMs, ok }) => [atMs, ok]));
  return {
    ...verdict,
    interrupted: brought.interrupted,
    stoppedBy: brought.stoppedBy,
    experiment: describeExperiment(read),
    cluster: cluster.name,
    collection: prepared.setup ? ownCollections(prepared.setup).join(", ") : null,
    startedAt: load.startedAt,
    steadyState: {
      windowMs: profile.steadyState.window,
      thresholds: prepared.before.map(({ title }) => title),
      before: before.verdict,
      after: brought.recovered === undefined ? "unknown" : brought.recovered.ok ? "held" : "failed",
    },
    availability,
    ...totals,
    writes,
    objectives: began ? objectives : [],
    phases: phasesOf(ranges, acts.length > 0, brought, seconds),
    steps: brought.steps.map((step, index) => withFault(step, acts, figures, index)),
    nodes: nodeFigures(
      cluster.nodes.map(({ id }) => id),
      spans,
      load.windows.map(({ second, perNode }) => ({
        atMs: second * 1000,
        requests: Object.fromEntries(Object.entries(perNode).map(([node, { requests }]) => [node, requests])),
      })),
      ranges,
      endMs,
    ),
    seconds: load.windows.map(({ second, counts, responseTimeUs }) => ({
      atMs: second * 1000,
      scheduled: counts.scheduled,
      ok: counts.ok,
      p99Us: responseTimeUs.p99,
      recall: recallAt.get(second) ?? null,
      holds: holdsAt.get(second * 1000) ?? null,
    })),
    unhealed: brought.unhealed,
    timeline: load.events,
    load,
  };
}

function withFault(step: StepResult, acts: readonly ActRecord[], figures: readonly FaultFigures[], index: number): StepResult {
  const at = acts.findIndex((act) => act.step === index);
  const act = acts[at];
  if (!act) return step;
  const { id, fault, injectedMs, healedMs, problem } = act;
  return {
    ...step,
    endMs: healedMs ?? null,
    ...(problem && { outcome: "failed" as const, message: problem.message }),
    fault: {
      id,
      fault,
      injectedMs: Math.round(injectedMs),
      healedMs: healedMs === undefined ? null : Math.round(healedMs),
      ...figures[at]!,
    },
  };
}

/** Before the first fault, until the last one was healed, and after that. */
function rangesOf(firstMs: number | undefined, lastHealedMs: number | undefined, methodAtMs: number, endMs: number): Ranges {
  // Whole seconds: the one in which it happened belongs to what came then.
  const whole = (ms: number) => Math.floor(ms / 1000) * 1000;
  const from = Math.min(endMs, whole(firstMs ?? methodAtMs));
  const to = Math.min(endMs, Math.max(from, whole(lastHealedMs ?? endMs)));
  return { before: [0, from], during: [from, to], after: [to, endMs] };
}

function phasesOf(
  ranges: Ranges,
  any: boolean,
  { judge }: Brought,
  seconds: ReturnType<typeof secondsOf>,
): ExperimentResult["phases"] {
  return (["before", "during", "after"] as const)
    .filter((name) => (any || name === "before") && ranges[name][1] > ranges[name][0])
    .map((name) => {
      const [fromMs, toMs] = ranges[name];
      const { tally, thresholds } = judge(fromMs, toMs);
      const { share, scheduled } = availabilityOf(seconds, fromMs, toMs);
      return {
        name,
        fromMs: Math.round(fromMs),
        toMs: Math.round(toMs),
        scheduled,
        availability: share,
        errorsByCause: tally.errorsByCause,
        p50Us: tally.responseP50Us,
        p99Us: tally.responseP99Us,
        recall: tally.recall,
        thresholds: thresholds.map(({ expression, ok, actual, unit, limit, n }) => ({ expression, ok, actual, unit, limit, n })),
      };
    });
}

function nodeSeconds({ windows }: LoadResult) {
  const nodes = [...new Set(windows.flatMap(({ perNode }) => Object.keys(perNode)))];
  return new Map(
    nodes.map((node) => [
      node,
      windows.flatMap(({ second, seconds, perNode }) => {
        const own = perNode[node];
        return own ? [{ atMs: second * 1000, lengthMs: seconds * 1000, requests: own.requests, errors: own.errors }] : [];
      }),
    ]),
  );
}
