import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { clusterLine, resolveCluster } from "../../src/config/resolve.ts";
import type { ClusterConfig } from "../../src/config/schema.ts";
import { usageError } from "../../src/errors.ts";
import type { LoadSpec, OperationSpec, ThresholdInput } from "../../src/load/contract.ts";
import type { LoadDeps } from "../../src/load/index.ts";
import type { ReadProfile } from "../../src/load/profile/read.ts";
import type { LoadResult } from "../../src/load/result.ts";
import { singleScenario } from "../../src/load/scenarios.ts";
import type { ChosenTarget } from "../../src/load/targets/http.ts";
import { defaultThresholds, objectiveThresholds, recallObjective } from "../../src/load/thresholds.ts";
import type { Runtime } from "../../src/runtime.ts";
import { formatRate } from "../../src/units.ts";
import { confirmProtected } from "../confirm.ts";
import type { CommandContext } from "../define.ts";
import type { LoadFlags } from "./flags.ts";
import { withRecall } from "./target.ts";

/** What a run is given by its command; the target is the prepared load's own. */
export type RunDeps = Omit<LoadDeps, "target" | "urls">;

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
  const { httpTarget } = await import("../../src/load/targets/http.ts");
  const body = flags.body === undefined ? undefined : { file: flags.body, bytes: await readInput(runtime, "--body", flags.body) };
  const chosen = httpTarget({ url: flags.url!, method: flags.method, headers: flags.header, body });
  return single(flags, chosen, thresholdsOf(flags, []), flags.url!);
}

async function ofCluster(flags: LoadFlags, context: CommandContext): Promise<PreparedLoad> {
  const { runtime } = context;
  const cluster = await clusterFor(flags, flags.rps, context);
  const [{ searchTarget }, { parseQueries }] = await Promise.all([
    import("../../src/load/targets/search.ts"),
    import("../../src/load/feeds/query-file.ts"),
  ]);
  const file = flags.queries;
  const queries =
    file === undefined
      ? undefined
      : { file, list: parseQueries((await readInput(runtime, "--queries", file)).toString("utf8"), file) };
  const chosen = await searchTarget(
    {
      cluster,
      collection: flags.collection,
      k: flags.k,
      ef: flags.ef,
      queries,
      partialIsOk: flags.allowPartial,
      seed: flags.seed,
    },
    { clock: runtime.clock, rng: runtime.rng, cwd: runtime.cwd, signal: runtime.signal },
  );
  const { objectives } = cluster;
  const thresholds = thresholdsOf(flags, [
    ...objectiveThresholds(objectives),
    ...(flags.k >= 10 ? recallObjective(objectives) : []),
  ]);
  const operation = await withRecall(chosen.operation, { thresholds, samples: flags.recall, seed: flags.seed }, context);
  return { ...single(flags, { ...chosen, operation }, thresholds, `cluster ${cluster.name}`), cluster: cluster.name };
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
  const cluster = needsCluster(profile)
    ? await clusterFor(flags, known ? rates.reduce((sum, rate) => sum + rate, 0) : undefined, context)
    : undefined;
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

/** The cluster of the config; a protected one asks first for more than its stated rate. @param rps undefined: unknown */
async function clusterFor(flags: LoadFlags, rps: number | undefined, context: CommandContext): Promise<ClusterConfig> {
  const { runtime, globals, note } = context;
  const cluster = await resolveCluster(runtime, globals);
  note(clusterLine(runtime, cluster));
  const within = cluster.maxRate !== undefined && rps !== undefined && rps <= cluster.maxRate;
  if (cluster.protected && !within)
    await confirmProtected(context, cluster, rps === undefined ? "load" : `load of ${formatRate(rps)}`, flags.confirm);
  const { consistency } = flags;
  return consistency === undefined ? cluster : { ...cluster, routing: { ...cluster.routing, consistency } };
}

function thresholdsOf(flags: LoadFlags, objectives: ThresholdInput[]): ThresholdInput[] {
  if (flags.threshold.length > 0) return flags.threshold.map((expression) => ({ expression, source: "flag" }));
  return objectives.length > 0 ? objectives : defaultThresholds;
}

async function readInput(runtime: Runtime, path: string, file: string): Promise<Buffer> {
  try {
    return await readFile(resolve(runtime.cwd, file));
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    throw usageError([{ path, message: `${file} cannot be read${code ? ` (${code})` : ""}` }]);
  }
}
