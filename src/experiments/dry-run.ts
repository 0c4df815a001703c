import { RagctlError } from "../errors.ts";
import type { GuardSettings } from "../faults/guard/index.ts";
import { planFault } from "../faults/run-fault.ts";
import { peakRate } from "../load/profile/scale.ts";
import type { Runtime } from "../runtime.ts";
import type { PreparedExperiment } from "./prepare.ts";
import { describeExperiment } from "./profile/read.ts";
import type { ExperimentPlan } from "./result.ts";
import type { PlannedStep } from "./timeline.ts";

/** The timeline and the blast radius of each fault, on the cluster as it is now. Nothing is touched. */
export async function dryRun(prepared: PreparedExperiment, guards: GuardSettings, runtime: Runtime): Promise<ExperimentPlan> {
  const { read, cluster, timeline, load, before, objectives } = prepared;
  const { profile } = read;
  const steps: ExperimentPlan["steps"] = [];
  for (const planned of timeline.steps) {
    const { label, step, atMs, exact, lengthMs } = planned;
    steps.push({ name: label, kind: step.kind, atMs, exact, lengthMs, ...(await radiusOf(planned, prepared, guards, runtime)) });
  }
  return {
    dryRun: true,
    experiment: describeExperiment(read),
    cluster: cluster.name,
    load: Object.entries(load.profile.scenarios).map(([scenario, each]) => ({
      scenario,
      operation: each.operation.kind,
      executor: each.executor,
      ratePerSec: "rate" in each ? each.rate : "startRate" in each ? each.startRate : null,
      peakPerSec: peakRate(each) ?? null,
    })),
    thresholds: before.map(({ title }) => title),
    objectives: objectives.map(({ expression }) => expression),
    beforeMs: profile.steadyState.before,
    methodMs: timeline.lengthMs,
    exact: timeline.exact,
    recoverWithinMs: profile.recovery.within,
    steps,
  };
}

async function radiusOf(
  { step }: PlannedStep,
  { cluster }: PreparedExperiment,
  guards: GuardSettings,
  runtime: Runtime,
): Promise<Partial<ExperimentPlan["steps"][number]>> {
  if (step.kind !== "fault") return {};
  const { nodes, zone } = step.aim;
  const selection = zone === undefined ? { nodes: nodes ?? [] } : { zone };
  try {
    const { radius, subjects } = await planFault(
      { cluster, fault: step.fault, ...selection, options: step.options, forMs: step.forMs, guards },
      { runtime },
    );
    return { nodes: subjects.map(({ id }) => id), radius };
  } catch (error) {
    if (!(error instanceof RagctlError)) throw error;
    return { ...(nodes && { nodes }), impossible: error.message };
  }
}
