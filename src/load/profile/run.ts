import { removeKeys } from "../../cache/bench-keys.ts";
import { cacheSettings } from "../../cache/settings.ts";
import type { ClusterConfig } from "../../config/schema.ts";
import { RagctlError } from "../../errors.ts";
import type { LoadSpec, SearchOperationSpec, ThresholdInput } from "../contract.ts";
import { questionList } from "../feeds/questions.ts";
import { checkGenerator, explainCheck, probeSpec } from "../generator-check.ts";
import { runLoad, type LoadDeps } from "../index.ts";
import { deleteWrites } from "../mixed/cleanup.ts";
import { prepareRecall } from "../recall/prepare.ts";
import type { LoadResult } from "../result.ts";
import { profileThresholds } from "../thresholds/profile.ts";
import { compileProfile, type CompiledProfile } from "./compile.ts";
import type { ReadProfile } from "./read.ts";
import { peakRate } from "./scale.ts";
import type { Profile } from "./schema.ts";

export interface ProfileRunOptions {
  read: ReadProfile;
  cluster: ClusterConfig | undefined;
  /** In place of the profile's own; undefined: those. */
  thresholds: ThresholdInput[] | undefined;
  /** What the run's own points are marked with. */
  tag: string;
  keepWrites: boolean;
}

export interface ProfileRunDeps extends Omit<LoadDeps, "target" | "urls"> {
  cwd: string;
  stateDir: string;
  pid: number;
  note?: (text: string) => void;
}

/**
 * Runs a profile: reads its feeds, computes the truth that recall is judged by, checks the generator where it asks for that, runs, and
 * deletes what was written, also after Ctrl-C.
 * @throws RagctlError exit 2 with everything that is wrong before anything is sent; exit 3; exit 5 where written points are left
 */
export async function runProfile(
  { read, cluster, thresholds, tag, keepWrites }: ProfileRunOptions,
  deps: ProfileRunDeps,
): Promise<LoadResult> {
  const { profile } = read;
  const compiled = await compileProfile(read, cluster, { ...deps, tag });
  const limits = thresholds ?? profileThresholds(profile.thresholds);
  const spec: LoadSpec = { ...compiled.spec, thresholds: limits };
  let began = false;
  const loadDeps: LoadDeps = {
    ...deps,
    target: compiled.target,
    urls: compiled.urls,
    onEvent: (event) => {
      began = true;
      deps.onEvent?.(event);
    },
  };
  await judgeRecall(spec, profile, { ...compiled, thresholds: limits, tag }, deps);

  let result: LoadResult;
  try {
    result =
      (profile.checkGenerator ? await refusedByCheck(spec, profile, loadDeps) : undefined) ?? (await runLoad(spec, loadDeps));
  } catch (error) {
    if (began && !keepWrites) await forgetAnswers(spec, deps);
    // What the run wrote before it failed; the first mistake is the one to tell.
    if (began && !keepWrites && cluster)
      await clean(compiled, cluster, tag, deps).catch((left: unknown) => deps.warn?.((left as Error).message));
    throw error;
  }
  if (!keepWrites) await forgetAnswers(spec, deps);
  if (compiled.writesTo.length === 0 || !cluster) return result;
  const deleted = keepWrites ? 0 : await clean(compiled, cluster, tag, deps);
  return { ...result, writes: { tag, collections: compiled.writesTo, deleted, kept: keepWrites } };
}

async function clean(
  { writesTo }: CompiledProfile,
  cluster: ClusterConfig,
  tag: string,
  { clock, rng, cwd }: ProfileRunDeps,
): Promise<number> {
  let deleted = 0;
  for (const collection of writesTo) deleted += await deleteWrites({ cluster, collection, tag }, { clock, rng, cwd });
  return deleted;
}

/** Removes what cached searches left in the cluster's Redis; where that fails it ends by its TTL. */
async function forgetAnswers({ scenarios }: LoadSpec, { clock, warn }: ProfileRunDeps): Promise<void> {
  for (const { operation } of scenarios) {
    if (operation.kind !== "cached-search" || operation.cache.driver === "memory") continue;
    const { cache, cluster, questions } = operation;
    const { count, textOf } = questionList(questions);
    const { templates, namespace } = cacheSettings(cache, cluster.embedder);
    const keys = Array.from({ length: count }, (_, item) => templates.result.keyOf({ namespace, query: textOf(item) }));
    try {
      await removeKeys({ name: cluster.name, cache }, [...new Set(keys)], clock);
    } catch (error) {
      if (!(error instanceof RagctlError)) throw error;
      return warn?.(`the answers that the run cached end by their TTL: ${error.message}`);
    }
  }
}

/** Gives the searches their ground truth, where the profile or a threshold asks for it. */
async function judgeRecall(
  spec: LoadSpec,
  profile: Profile,
  {
    thresholds,
    tag,
    writesTo,
    truths,
  }: Pick<CompiledProfile, "writesTo" | "truths"> & { thresholds: readonly ThresholdInput[]; tag: string },
  { clock, rng, cwd, stateDir, pid, signal, warn }: ProfileRunDeps,
): Promise<void> {
  const ofThresholds = thresholds.flatMap(({ metric, expression }) => {
    const match = /recall(?:@(\d+))?/.exec(`${metric ?? ""} ${expression}`);
    return match ? [match[1] === undefined ? undefined : Number(match[1])] : [];
  });
  for (const scenario of spec.scenarios) {
    const said = profile.scenarios[scenario.name]?.operation;
    if (scenario.operation.kind !== "search" || said?.kind !== "search") continue;
    if (!said.recall && ofThresholds.length === 0) continue;
    const { k } = scenario.operation;
    const ks = said.recall?.at ?? [...new Set([k, ...ofThresholds.filter((at) => at !== undefined && at <= k)])].map(Number);
    const operation: SearchOperationSpec = scenario.operation;
    const known = truths.get(scenario.name);
    scenario.operation = {
      ...operation,
      recall: await prepareRecall(
        operation,
        {
          samples: said.recall?.samples ?? 200,
          ks: ks.toSorted((a, b) => a - b),
          ...(known && { known }),
          ...(writesTo.includes(operation.collection) && { ownPrefix: tag }),
          seed: spec.seed,
        },
        { clock, rng, cwd, stateDir, pid, ...(signal && { signal }), ...(warn && { warn }) },
      ),
    };
  }
}

/** The result of a run that this machine cannot make: inconclusive, with the arithmetic; undefined where it can. */
async function refusedByCheck(spec: LoadSpec, profile: Profile, deps: LoadDeps): Promise<LoadResult | undefined> {
  const wantedPerSec = Object.values(profile.scenarios).reduce((sum, each) => sum + (peakRate(each) ?? 0), 0);
  const { onProgress: _, onEvent: _event, windowsFile: _file, ...quiet } = deps;
  const probe = await runLoad(probeSpec(spec), quiet);
  const check = checkGenerator(probe, wantedPerSec);
  if (!check || check.machines <= 1) return undefined;
  return { ...probe, verdict: "inconclusive", reasons: [explainCheck(check)], generatorCheck: check };
}
