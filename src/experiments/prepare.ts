import type { ClusterConfig } from "../config/schema.ts";
import { didYouMean } from "../config/suggest.ts";
import { dotted } from "../config/source-text.ts";
import { RagctlError, usageError, type Problem } from "../errors.ts";
import { parseStopConditions, type StopConditions } from "../faults/guard/index.ts";
import type { ThresholdInput } from "../load/contract.ts";
import type { ReadProfile } from "../load/profile/read.ts";
import type { Profile } from "../load/profile/schema.ts";
import { defaultThresholds, objectiveThresholds, parseThresholds, recallObjective, type Threshold } from "../load/thresholds.ts";
import { profileThresholds } from "../load/thresholds/profile.ts";
import { seededRng, type Rng } from "../runtime.ts";
import { plural } from "../units.ts";
import { experimentLoad } from "./load.ts";
import { parseObjective, type Objective } from "./objectives.ts";
import type { ReadExperiment } from "./profile/read.ts";
import type { Step } from "./profile/step.ts";
import { planTimeline, type Timeline } from "./timeline.ts";
import { placeWarming } from "./warming/place.ts";

/** The name of the collection that a `setup` makes. */
export const ownCollection = "ragctl-chaos";
/** That of the writes, where they have one apart. */
export const ownWrites = "ragctl-chaos-writes";

/** Between the end of the calm stretch and the first step: its last windows must have closed to be judged. */
const judgeMs = 2_000;

/** An experiment on one cluster, all that could be wrong with it looked at, nothing touched. */
export interface PreparedExperiment {
  read: ReadExperiment;
  cluster: ClusterConfig;
  timeline: Timeline;
  /** As long as the experiment may take, with scaling. */
  load: ReadProfile;
  before: Threshold[];
  after: Threshold[];
  objectives: Objective[];
  /** What ends the method before its time; undefined: nothing does. */
  stopOn: StopConditions | undefined;
  /** When the method begins, ms after the measurement does. */
  methodAtMs: number;
  totalMs: number;
  /** Undefined: the experiment makes none of its own. */
  setup: NonNullable<ReadExperiment["profile"]["setup"]> | undefined;
  /** What of the profile this cluster has no use for. */
  notes: string[];
}

export interface PrepareOptions {
  /** An existing collection, in place of one that `setup` would make. */
  collection?: string;
  /** In place of the profile's: decides what random means. */
  seed?: number;
  /** In place of the profile's, and of the config's. */
  routing?: Partial<ClusterConfig["routing"]>;
}

/** @throws RagctlError exit 2 with everything that is wrong, with the lines of the profile */
export function prepareExperiment(
  read: ReadExperiment,
  configured: ClusterConfig,
  { collection, seed, routing }: PrepareOptions = {},
): PreparedExperiment {
  const said = Object.fromEntries(Object.entries(read.profile.routing).filter(([, value]) => value !== undefined));
  const cluster = { ...configured, routing: { ...configured.routing, ...said, ...routing } };
  const { profile, shownFile } = read;
  const problems: Problem[] = needsProblems(profile.needs, cluster);
  const at = (path: PropertyKey[], message: string) => {
    const line = read.lineOf(path);
    problems.push({ file: shownFile, ...(line !== undefined && { line }), path: dotted(path), message });
  };
  const rng = seededRng(seed ?? profile.seed);
  const method = profile.method.map((step, index) =>
    aimed(step, cluster, rng, (key, message) => at(["method", index, key], message)),
  );
  const caching = placeWarming(method, read.load.profile, cluster, (index, key, message) => at(["method", index, key], message));
  const timeline = planTimeline(caching.method, ({ aim }) => aim.nodes ?? nodesIn(cluster, aim.zone));
  const { steadyState, recovery } = profile;
  const stated = profileThresholds(steadyState.thresholds);
  const before = stated.length > 0 ? stated : clusterThresholds(cluster);
  const after = recovery.thresholds && profileThresholds(recovery.thresholds);
  const methodAtMs = steadyState.before + judgeMs;
  const slackMs = steadyState.window + judgeMs + read.load.profile.timeout;
  const totalMs = methodAtMs + timeline.lengthMs + recovery.within + recovery.stay + slackMs;
  const setup = collection === undefined ? profile.setup : undefined;
  const reads = collection ?? (setup && ownCollection);
  const planned = experimentLoad(caching.load, timeline, {
    methodAtMs,
    totalMs,
    collections: { reads, writes: setup?.writesApart === true ? ownWrites : reads },
    recallKs: recallKsOf([...before, ...(after ?? [])]),
  });
  problems.push(...planned.problems.map((problem) => ({ file: shownFile, ...problem })));
  const parsed = [before, after ?? before].map((inputs) => parseThresholds(inputs, contextOf(planned.profile)));
  problems.push(...parsed[0]!.problems, ...(after ? parsed[1]!.problems : []));
  const objectives = profile.objectives.map(parseObjective);
  const names = Object.keys(planned.profile.scenarios);
  for (const [index, { scenario }] of objectives.entries())
    if (scenario !== undefined && !names.includes(scenario))
      at(["objectives", index], `the load has no scenario "${scenario}"${didYouMean(scenario, names)}`);
  const stopOn = stopConditionsOf(profile, cluster, reads, (message) => at(["stopIf"], message));
  if (problems.length > 0) throw usageError(problems, { code: "experiment-invalid" });
  return {
    read,
    cluster,
    timeline,
    load: { ...read.load, profile: planned.profile },
    before: parsed[0]!.thresholds,
    after: parsed[1]!.thresholds,
    objectives,
    stopOn,
    methodAtMs,
    totalMs,
    setup,
    notes: caching.notes,
  };
}

function stopConditionsOf(
  { stopIf, stopCommand }: ReadExperiment["profile"],
  { objectives }: ClusterConfig,
  collection: string | undefined,
  problem: (message: string) => void,
): StopConditions | undefined {
  if (stopIf.length === 0 && stopCommand === undefined) return undefined;
  try {
    return parseStopConditions({ stopIf, stopCommand, collection }, objectives);
  } catch (error) {
    if (!(error instanceof RagctlError)) throw error;
    for (const { message } of error.details as Problem[]) problem(message);
    return undefined;
  }
}

function clusterThresholds({ objectives }: ClusterConfig): ThresholdInput[] {
  const said = [...objectiveThresholds(objectives), ...recallObjective(objectives)];
  return said.length > 0 ? said : defaultThresholds;
}

function recallKsOf(thresholds: readonly ThresholdInput[]): number[] {
  return thresholds.flatMap(({ metric, expression }) => {
    const match = /recall(?:@(\d+))?/.exec(`${metric ?? ""} ${expression}`);
    return match ? [Number(match[1] ?? 10)] : [];
  });
}

function contextOf({ scenarios }: Profile) {
  const all = Object.entries(scenarios);
  return {
    scopes: [...new Set(all.flatMap(([name, { operation }]) => [name, operation.kind]))],
    recallKs: all.flatMap(([, { operation }]) => (operation.kind === "search" ? (operation.recall?.at ?? []) : [])),
  };
}

function needsProblems(needs: ReadExperiment["profile"]["needs"], cluster: ClusterConfig): Problem[] {
  const zones = new Set(cluster.nodes.flatMap(({ zone }) => zone ?? [])).size;
  const has = { nodes: cluster.nodes.length, zones, replicas: cluster.routing.replicas };
  const lacks = (["nodes", "zones", "replicas"] as const).filter((name) => has[name] < (needs[name] ?? 0));
  const problems = lacks.map((name): Problem => {
    const noun = name.slice(0, -1);
    return {
      path: `needs.${name}`,
      message: `this experiment needs ${plural(needs[name]!, noun)}, and cluster ${cluster.name} has ${has[name]}`,
    };
  });
  if (needs.cache === true && !cluster.cache?.url)
    problems.push({
      path: "needs.cache",
      message: `this experiment needs a Redis cache, and cluster ${cluster.name} has none: ragctl up --cache redis`,
    });
  return problems;
}

function nodesIn({ nodes }: ClusterConfig, zone: string | undefined): string[] {
  return nodes.filter((node) => zone === undefined || node.zone === zone).map(({ id }) => id);
}

/** The step with whatever is left to chance decided: node ids, or a zone's name. */
function aimed(step: Step, cluster: ClusterConfig, rng: Rng, problem: (key: string, message: string) => void): Step {
  if (step.kind !== "fault") return step;
  const { nodes, zone, random } = step.aim;
  const ids = cluster.nodes.map(({ id }) => id);
  const zones = [...new Set(cluster.nodes.flatMap(({ zone }) => zone ?? []))];
  for (const id of nodes ?? [])
    if (!ids.includes(id)) problem("nodes", `cluster ${cluster.name} has no node "${id}"${didYouMean(id, ids)}`);
  if (zone === "any" && !zones.includes("any")) {
    if (zones.length === 0) problem("zone", `no node of cluster ${cluster.name} is in a zone`);
    const chosen = zones[Math.floor(rng() * zones.length)];
    return { ...step, aim: chosen === undefined ? {} : { zone: chosen } };
  }
  if (zone !== undefined && !zones.includes(zone))
    problem("zone", `no node of cluster ${cluster.name} is in zone "${zone}"${didYouMean(zone, zones)}`);
  if (random === undefined) return step;
  const count = random === "minority" ? Math.max(1, Math.floor((ids.length - 1) / 2)) : random;
  if (count > ids.length) problem("random", `${count} of the ${ids.length} nodes of cluster ${cluster.name}`);
  const left = [...ids];
  const chosen = new Set(
    Array.from({ length: Math.min(count, ids.length) }, () => left.splice(Math.floor(rng() * left.length), 1)[0]!),
  );
  return { ...step, aim: { nodes: ids.filter((id) => chosen.has(id)) } };
}
