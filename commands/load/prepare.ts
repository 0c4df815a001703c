import type { ClusterConfig } from "../../src/config/schema.ts";
import type { LoadSpec, OperationSpec, ThresholdInput } from "../../src/load/contract.ts";
import type { LoadDeps } from "../../src/load/index.ts";
import type { ReadProfile } from "../../src/load/profile/read.ts";
import type { LoadResult } from "../../src/load/result.ts";
import { singleScenario } from "../../src/load/scenarios.ts";
import type { ChosenTarget } from "../../src/load/targets/http.ts";
import { defaultThresholds, objectiveThresholds, recallObjective } from "../../src/load/thresholds.ts";
import type { Runtime } from "../../src/runtime.ts";
import { formatRate } from "../../src/units.ts";
import type { CommandContext } from "../define.ts";
import type { LoadFlags } from "./flags.ts";
import { clusterTarget, loadedCluster, urlTarget, withRecall } from "./target.ts";

/** What a run is given by its command; the target is the prepared load's own. */
type RunDeps = Omit<LoadDeps, "target" | "urls">;

/** A load that is ready to run: everything that could be wrong with its input has been told. */
export interface PreparedLoad {
  /** For the live view. */
  title: string;
  cluster?: string;
  /** Operations that are due, where that is known. */
  total?: number;
  run(deps: RunDeps): Promise<LoadResult>;
}

/** Raw HTTP, searches of a cluster, or a profile. @throws RagctlError exit 2, 3, 7 */
export async function prepareLoad(
  profile: string | undefined,
  flags: LoadFlags,
  given: ReadonlySet<string>,
  context: CommandContext,
): Promise<PreparedLoad> {
  if (profile !== undefined) return await ofProfile(profile, flags, given, context);
  return flags.url === undefined ? await ofCluster(flags, context) : await ofUrl(flags, context.runtime);
}

async function ofUrl(flags: LoadFlags, runtime: Runtime): Promise<PreparedLoad> {
  return single(flags, await urlTarget(flags, runtime), thresholdsOf(flags, []), flags.url!);
}

async function ofCluster(flags: LoadFlags, context: CommandContext): Promise<PreparedLoad> {
  const chosen = await clusterTarget(flags, context, (cluster) => blastOf(cluster, flags.rps));
  const { objectives, name } = chosen.cluster;
  const recall = flags.k >= 10 ? recallObjective(objectives) : [];
  const thresholds = thresholdsOf(flags, [...objectiveThresholds(objectives), ...recall]);
  const operation = await withRecall(chosen.operation, { thresholds, samples: flags.recall, seed: flags.seed }, context);
  return { ...single(flags, { ...chosen, operation }, thresholds, `cluster ${name}`), cluster: name };
}

/** What a protected cluster's name is asked for: load above its stated rate. @param rps undefined: unknown */
function blastOf({ maxRate }: ClusterConfig, rps: number | undefined): string | undefined {
  if (rps === undefined) return "load";
  return maxRate !== undefined && rps <= maxRate ? undefined : `load of ${formatRate(rps)}`;
}

function single(
  flags: LoadFlags,
  chosen: ChosenTarget<OperationSpec>,
  thresholds: ThresholdInput[],
  where: string,
): PreparedLoad {
  const rps = flags.rps!;
  const spec: LoadSpec = singleScenario(
    {
      executor: {
        kind: "constant-arrival-rate",
        ratePerSec: rps,
        warmupUs: flags.warmup * 1000,
        durationUs: flags.duration * 1000,
      },
      operation: chosen.operation,
      workers: flags.workers,
      timeoutUs: flags.timeout * 1000,
      maxInFlight: flags.maxInFlight ?? Math.max(1000, Math.ceil(2 * rps)),
      seed: flags.seed,
    },
    { thresholds },
  );
  return {
    title: `load of ${formatRate(rps)} on ${where}`,
    total: Math.round((rps * flags.duration) / 1000),
    run: async (deps) =>
      await (await import("../../src/load/index.ts")).runLoad(spec, { ...deps, target: chosen.target, urls: chosen.urls }),
  };
}

async function ofProfile(
  wanted: string,
  flags: LoadFlags,
  given: ReadonlySet<string>,
  context: CommandContext,
): Promise<PreparedLoad> {
  const { runtime } = context;
  const [{ readProfile }, { overridden, peakRate }, { needsCluster }] = await Promise.all([
    import("../../src/load/profile/read.ts"),
    import("../../src/load/profile/scale.ts"),
    import("../../src/load/profile/compile.ts"),
  ]);
  const found = await readProfile(runtime.cwd, wanted);
  const only = <K extends keyof LoadFlags, N extends string>(flag: K, name: N) =>
    (given.has(flag) ? { [name]: flags[flag] } : {}) as { [key in N]?: NonNullable<LoadFlags[K]> };
  const profile = overridden(found.profile, {
    ...only("rps", "ratePerSec"),
    ...only("duration", "durationMs"),
    ...only("vus", "vus"),
    ...only("warmup", "warmupMs"),
    ...only("timeout", "timeoutMs"),
    ...only("workers", "workers"),
    ...only("maxInFlight", "maxInFlight"),
    ...only("seed", "seed"),
    ...only("collection", "collection"),
    ...only("k", "k"),
    ...only("ef", "ef"),
  });
  const read: ReadProfile = { ...found, profile };
  const rates = Object.values(profile.scenarios).map(peakRate);
  // Users ask as fast as they are answered: no rate can be stated for them.
  const known = rates.every((rate) => rate !== undefined);
  const rps = known ? rates.reduce((sum, rate) => sum + rate, 0) : undefined;
  const cluster = needsCluster(profile) ? await loadedCluster(flags, context, (each) => blastOf(each, rps)) : undefined;
  const { runProfile } = await import("../../src/load/profile/run.ts");
  const { runTag } = await import("../../src/load/mixed/run-key.ts");
  const tag = runTag(Math.floor(runtime.rng() * 2 ** 32));
  const thresholds: ThresholdInput[] | undefined =
    flags.threshold.length > 0
      ? flags.threshold.map((expression) => ({ expression, source: "flag" }))
      : Object.keys(profile.thresholds).length > 0
        ? undefined
        : thresholdsOf(flags, objectiveThresholds(cluster?.objectives ?? {}));
  return {
    title: `profile ${found.name}${cluster ? ` on cluster ${cluster.name}` : ""}`,
    ...(cluster && { cluster: cluster.name }),
    run: async (deps) =>
      await runProfile(
        { read, cluster, thresholds, tag, keepWrites: flags.keepWrites },
        { ...deps, cwd: runtime.cwd, stateDir: runtime.stateDir, pid: runtime.pid },
      ),
  };
}

function thresholdsOf(flags: LoadFlags, objectives: ThresholdInput[]): ThresholdInput[] {
  if (flags.threshold.length > 0) return flags.threshold.map((expression) => ({ expression, source: "flag" }));
  return objectives.length > 0 ? objectives : defaultThresholds;
}
