import type { Problem } from "../errors.ts";
import type { Profile, ScenarioProfile } from "../load/profile/schema.ts";
import type { Timeline } from "./timeline.ts";

/** The load's profile as the whole experiment's: as long as it may take at most, with the scaling of the method in its stages. */
export interface LoadPlan {
  /** When the method begins, ms after the measurement does. */
  methodAtMs: number;
  totalMs: number;
  /** The collections of operations that name none: of what reads, and of what writes or reads that back. */
  collections: { reads: string | undefined; writes: string | undefined };
  /** That the steady state speaks of. */
  recallKs: readonly number[];
}

const recallSamples = 100;

/**
 * @throws nothing: what the load cannot do stands in `problems`, by scenario
 */
export function experimentLoad(
  profile: Profile,
  timeline: Timeline,
  { methodAtMs, totalMs, collections, recallKs }: LoadPlan,
): { profile: Profile; problems: Problem[] } {
  const problems: Problem[] = [];
  const scales = scalesOf(timeline, methodAtMs);
  for (const { step, exact, label } of timeline.steps)
    if (step.kind === "scale" && !exact)
      problems.push({
        path: "method",
        message: `"${label}" comes after a step that takes as long as it takes, so that its moment is not known when the load is planned: give it \`at\`, later than that`,
      });
  const scenarios = Object.entries(profile.scenarios).map(([name, scenario]) => {
    const lasting = lengthened(scenario, totalMs, scales);
    if (typeof lasting === "string") {
      problems.push({ path: `load.scenarios.${name}.executor`, message: lasting });
      return [name, scenario] as const;
    }
    return [name, withTarget(lasting, collections, recallKs)] as const;
  });
  // The load's own limits are for calm days.
  return { profile: { ...profile, thresholds: {}, checkGenerator: false, scenarios: Object.fromEntries(scenarios) }, problems };
}

interface Scale {
  atMs: number;
  overMs: number;
  factor: number;
}

function scalesOf({ steps }: Timeline, methodAtMs: number): Scale[] {
  return steps.flatMap(({ step, atMs }) =>
    step.kind === "scale" ? [{ atMs: methodAtMs + atMs, overMs: step.overMs, factor: step.factor }] : [],
  );
}

/** The scenario for so long, or why that cannot be. */
function lengthened(scenario: ScenarioProfile, totalMs: number, scales: readonly Scale[]): ScenarioProfile | string {
  const { operation, feed, startTime, tags, workers, timeout } = scenario;
  const common = { operation, feed, startTime, tags, workers, timeout };
  switch (scenario.executor) {
    case "constant-arrival-rate": {
      if (scales.length === 0) return { ...scenario, duration: totalMs };
      const { rate, maxInFlight } = scenario;
      return {
        ...common,
        executor: "ramping-arrival-rate",
        startRate: rate,
        maxInFlight,
        stages: stagesOf(rate, totalMs, scales),
      };
    }
    case "constant-vus": {
      if (scales.length === 0) return { ...scenario, duration: totalMs };
      const { vus, thinkTime } = scenario;
      const stages = stagesOf(vus, totalMs, scales).map(({ duration, target }) => ({
        duration,
        target: Math.max(1, Math.round(target)),
      }));
      return { ...common, executor: "ramping-vus", startVUs: vus, thinkTime, stages };
    }
    case "poisson":
      return scales.length === 0
        ? { ...scenario, duration: totalMs }
        : "a load that is scaled must be constant-arrival-rate or constant-vus";
    default:
      return `an experiment needs a load that goes on: constant-arrival-rate, poisson or constant-vus, got ${scenario.executor}`;
  }
}

/** Straight lines from change to change; a change that begins before the last one has ended cuts it short. */
export function stagesOf(base: number, totalMs: number, scales: readonly Scale[]): { duration: number; target: number }[] {
  const stages: { duration: number; target: number }[] = [];
  let nowMs = 0;
  let value = base;
  const to = (atMs: number, target: number) => {
    stages.push({ duration: atMs - nowMs, target });
    [nowMs, value] = [atMs, target];
  };
  for (const [index, { atMs, overMs, factor }] of scales.entries()) {
    if (atMs > nowMs) to(atMs, value);
    const next = scales[index + 1]?.atMs ?? totalMs;
    const wanted = base * factor;
    const endMs = Math.min(atMs + overMs, next);
    to(endMs, overMs === 0 ? wanted : value + ((wanted - value) * (endMs - atMs)) / overMs);
  }
  if (totalMs > nowMs) to(totalMs, value);
  return stages;
}

function withTarget(
  scenario: ScenarioProfile,
  { reads, writes }: LoadPlan["collections"],
  recallKs: readonly number[],
): ScenarioProfile {
  const { operation } = scenario;
  const onPoints = operation.kind === "search" || operation.kind === "upsert" || operation.kind === "fetch";
  const ofWrites = operation.kind === "upsert" || (operation.kind === "fetch" && operation.own > 0);
  const collection = ofWrites ? writes : reads;
  const named =
    onPoints && operation.collection === undefined && collection !== undefined ? { ...operation, collection } : operation;
  if (named.kind !== "search" || recallKs.length === 0) return { ...scenario, operation: named };
  const at = [...new Set([...(named.recall?.at ?? []), ...recallKs.filter((k) => k <= named.k)])].toSorted((a, b) => a - b);
  return {
    ...scenario,
    operation: { ...named, recall: { samples: named.recall?.samples ?? recallSamples, ...(at.length > 0 && { at }) } },
  };
}
