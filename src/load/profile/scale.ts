import { usageError, type Problem } from "../../errors.ts";
import type { Profile, ScenarioProfile } from "./schema.ts";

/** What flags change of a profile. */
export interface ProfileOverrides {
  /** The highest rate of all open scenarios together: each is scaled in proportion. */
  ratePerSec?: number;
  /** Of the whole profile: every time in it is scaled in proportion. */
  durationMs?: number;
  /** The most users of all closed scenarios together. */
  vus?: number;
  warmupMs?: number;
  timeoutMs?: number;
  workers?: number;
  maxInFlight?: number;
  seed?: number;
  collection?: string;
  k?: number;
  ef?: number;
}

/** The highest rate that an executor reaches; undefined for closed ones and replays, which have their own. */
export function peakRate(scenario: ScenarioProfile): number | undefined {
  if ("rate" in scenario) return scenario.rate;
  return scenario.executor === "ramping-arrival-rate"
    ? Math.max(scenario.startRate, ...scenario.stages.map(({ target }) => target))
    : undefined;
}

function peakUsers(scenario: ScenarioProfile): number | undefined {
  if ("vus" in scenario) return scenario.vus;
  return scenario.executor === "ramping-vus"
    ? Math.max(scenario.startVUs, ...scenario.stages.map(({ target }) => target))
    : undefined;
}

/** How long a scenario begins operations; undefined for a replay, whose log says. */
export function lengthMs(scenario: ScenarioProfile): number | undefined {
  if ("duration" in scenario) return scenario.duration;
  if ("stages" in scenario) return scenario.stages.reduce((sum, { duration }) => sum + duration, 0);
  return "maxDuration" in scenario ? scenario.maxDuration : undefined;
}

/**
 * A profile with what flags say. Rates, users and times keep their proportions to each other.
 * @throws RagctlError exit 2 with every flag that has nothing to act on
 */
export function overridden(profile: Profile, overrides: ProfileOverrides): Profile {
  const scenarios = Object.values(profile.scenarios);
  const sum = (of: (scenario: ScenarioProfile) => number | undefined) =>
    scenarios.reduce((total, each) => total + (of(each) ?? 0), 0);
  const rate = sum(peakRate);
  const users = sum(peakUsers);
  const length = Math.max(0, ...scenarios.map((each) => each.startTime + (lengthMs(each) ?? 0)));
  const problems: Problem[] = [
    overrides.ratePerSec !== undefined && rate === 0
      ? { path: "--rps", message: "no scenario of the profile has a rate: its users ask when they are free (--vus scales those)" }
      : [],
    overrides.vus !== undefined && users === 0 ? { path: "--vus", message: "no scenario of the profile has users" } : [],
    overrides.durationMs !== undefined && length === 0
      ? {
          path: "--duration",
          message: "no scenario of the profile has a duration: a replay is as long as its log (see its speed)",
        }
      : [],
  ].flat();
  if (problems.length > 0) throw usageError(problems);
  const factors = {
    rate: overrides.ratePerSec === undefined ? 1 : overrides.ratePerSec / rate,
    users: overrides.vus === undefined ? 1 : overrides.vus / users,
    time: overrides.durationMs === undefined ? 1 : overrides.durationMs / length,
  };
  return {
    ...profile,
    warmup: overrides.warmupMs ?? profile.warmup,
    timeout: overrides.timeoutMs ?? profile.timeout,
    seed: overrides.seed ?? profile.seed,
    scenarios: Object.fromEntries(
      Object.entries(profile.scenarios).map(([name, each]) => [name, changed(scaled(each, factors), overrides)]),
    ),
  };
}

interface Factors {
  rate: number;
  users: number;
  time: number;
}

function scaled(scenario: ScenarioProfile, { rate, users, time }: Factors): ScenarioProfile {
  const startTime = scenario.startTime * time;
  const atLeastOne = (count: number) => Math.max(1, Math.round(count * users));
  switch (scenario.executor) {
    case "constant-arrival-rate":
    case "poisson":
      return { ...scenario, startTime, rate: scenario.rate * rate, duration: scenario.duration * time };
    case "ramping-arrival-rate":
      return {
        ...scenario,
        startTime,
        startRate: scenario.startRate * rate,
        stages: scenario.stages.map(({ duration, target }) => ({ duration: duration * time, target: target * rate })),
      };
    case "constant-vus":
      return { ...scenario, startTime, vus: atLeastOne(scenario.vus), duration: scenario.duration * time };
    case "ramping-vus":
      return {
        ...scenario,
        startTime,
        startVUs: Math.round(scenario.startVUs * users),
        stages: scenario.stages.map(({ duration, target }) => ({
          duration: duration * time,
          target: Math.round(target * users),
        })),
      };
    case "per-vu-iterations":
    case "shared-iterations":
      return { ...scenario, startTime, vus: atLeastOne(scenario.vus), maxDuration: scenario.maxDuration * time };
    case "replay":
      return { ...scenario, startTime };
  }
}

/** Flags that mean the same in every scenario. */
function changed(scenario: ScenarioProfile, overrides: ProfileOverrides): ScenarioProfile {
  const { workers, timeoutMs, maxInFlight, collection, k, ef } = overrides;
  const { operation } = scenario;
  const searches = operation.kind === "search" || operation.kind === "cached-search";
  const onCollection = searches || operation.kind === "upsert" || operation.kind === "fetch";
  return {
    ...scenario,
    ...(workers !== undefined && { workers }),
    ...(timeoutMs !== undefined && { timeout: timeoutMs }),
    ...(maxInFlight !== undefined && "maxInFlight" in scenario && { maxInFlight }),
    operation: {
      ...operation,
      ...(collection !== undefined && onCollection && { collection }),
      ...(searches && { ...(k !== undefined && { k }), ...(ef !== undefined && { ef }) }),
    } as typeof operation,
  };
}
