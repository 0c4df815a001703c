import { ExitCode } from "../errors.ts";
import type { GuardSettings } from "../faults/guard/index.ts";
import { deleteWrites } from "../load/mixed/cleanup.ts";
import { runTag } from "../load/mixed/run-key.ts";
import { runProfile } from "../load/profile/run.ts";
import type { LoadResult } from "../load/result.ts";
import { windowsFile } from "../load/windows/file.ts";
import { join } from "node:path";
import { Acts } from "./acts.ts";
import { assembleResult } from "./assemble.ts";
import { Conductor, type Conducted } from "./conductor.ts";
import type { ExperimentDeps } from "./contract.ts";
import type { MethodDeps } from "./method.ts";
import type { PreparedExperiment } from "./prepare.ts";
import type { ExperimentResult } from "./result.ts";
import { dropCollections, makeCollections, ownCollections } from "./setup.ts";
import { SteadyState } from "./steady.ts";
import { TimelineLog } from "./timeline-log.ts";
import { warmStep } from "./warming/warm.ts";

export interface ExperimentOptions {
  prepared: PreparedExperiment;
  guards: GuardSettings;
  /** A collection of its own, or what was written, stays. */
  keep: boolean;
}

/**
 * One experiment: steady state under load → method under the same load → healing → recovery → audit of the writes. Interrupted, it heals and reports what
 * there is. The caller holds the cluster's experiment lock.
 * @throws RagctlError exit 2 and 3 before anything is broken; where the load itself fails later, once everything is healed
 */
export async function runExperiment(
  { prepared, guards, keep }: ExperimentOptions,
  deps: ExperimentDeps,
): Promise<ExperimentResult> {
  const { runtime, run } = deps;
  const { cluster, setup } = prepared;
  const log = new TimelineLog(run, runtime.clock);
  let made = false;
  try {
    if (setup) {
      deps.onPhase?.("setup");
      made = true;
      await makeCollections(cluster, setup, runtime, runtime.signal);
    }
    return await underLoad({ prepared, guards, keep }, log, deps);
  } finally {
    if (setup && made && !keep)
      await dropCollections(cluster, setup, runtime).catch((error: unknown) =>
        deps.warn(
          `${ownCollections(setup).join(" and ")} may be left behind: ${(error as Error).message}; the next experiment replaces it`,
        ),
      );
  }
}

async function underLoad(
  { prepared, guards, keep }: ExperimentOptions,
  log: TimelineLog,
  deps: ExperimentDeps,
): Promise<ExperimentResult> {
  const { runtime, run, note, warn } = deps;
  const { cluster, load, read } = prepared;
  const { clock } = runtime;
  const scopes = Object.entries(load.profile.scenarios).map(([name, { operation }]) => ({ name, operation: operation.kind }));
  const steady = new SteadyState(prepared.after, scopes, read.profile.steadyState.window);
  const collections = writtenTo(prepared);
  const watcher = collections.length > 0 ? await deps.openChecker?.(collections) : undefined;
  const tag = runTag(Math.floor(runtime.rng() * 2 ** 32));

  const endLoad = new AbortController();
  let over = false;
  const loading = runProfile(
    { read: load, cluster, thresholds: [], tag, keepWrites: true },
    {
      clock,
      rng: runtime.rng,
      versions: runtime.versions,
      platform: runtime.platform,
      cwd: runtime.cwd,
      stateDir: runtime.stateDir,
      pid: runtime.pid,
      // Ctrl-C heals first: the load goes on until that is done.
      signal: endLoad.signal,
      hardSignal: runtime.hardSignal,
      windowsFile: join(run.dir, windowsFile),
      note,
      warn,
      events: log.poll,
      onEvent: (event) => log.fromLoad(event),
      onRecord: (record) => steady.add(record),
      ...(watcher && { onObserved: (operations) => watcher.observe(operations) }),
      ...(deps.onProgress && { onProgress: deps.onProgress }),
    },
  );
  const failedLoad = loading.then(
    () => (over = true),
    () => (over = true),
  );
  const acts = new Acts(cluster, deps, log, guards, (act) => stop.abort(new Error(`${act.fault}: ${act.problem!.message}`)));
  const stop = new AbortController();
  const asked = (scenario: string) => steady.scheduledOf(scenario);
  const warm: MethodDeps["warm"] = (step, signal) => warmStep(step, { prepared, tag, dir: run.dir, asked, deps }, signal);
  const conduct = new Conductor({ prepared, deps, log, steady, acts, stop, warm, over: () => over });
  let outcome: Conducted;
  try {
    outcome = await conduct.all();
  } finally {
    acts.stop({ kind: "command", reason: "the experiment ended" });
    await acts.allHealed();
    endLoad.abort(new Error("the experiment is over"));
    await failedLoad;
  }
  let result: LoadResult;
  try {
    result = await loading;
  } finally {
    if (acts.records.length > 0) note("everything is healed");
  }

  let writes: ExperimentResult["writes"] = null;
  if (watcher && !runtime.hardSignal.aborted && acts.unhealed.length === 0) {
    deps.onPhase?.("audit");
    log.tell("experiment", "audit", "start");
    writes = await watcher.audit();
    log.tell("experiment", "audit", "end", writes);
  }
  if (!keep && !prepared.setup)
    for (const collection of collections)
      await deleteWrites({ cluster, collection, tag }, { clock, rng: runtime.rng, cwd: runtime.cwd });
  const interrupted = runtime.signal.aborted;
  return assembleResult({
    ...outcome,
    prepared,
    load: withAll(result, log),
    acts: acts.records,
    unhealed: acts.unhealed,
    judged: steady.judged(),
    judge: (fromMs, toMs) => steady.judge(fromMs, toMs),
    writes,
    interrupted,
    endMs: steady.knownMs,
  });
}

/** The load's timeline with what came after its end. It was ended by the experiment, not by anybody's Ctrl-C. */
function withAll(result: LoadResult, log: TimelineLog): LoadResult {
  const late = log
    .poll()
    .map(({ at, ...event }) => Object.assign(event, { atMs: Math.round(at - Date.parse(result.startedAt)) }));
  return { ...result, interrupted: false, events: [...result.events, ...late].toSorted((a, b) => a.atMs - b.atMs) };
}

/** Collections that the load writes to. */
function writtenTo({ load, cluster }: PreparedExperiment): string[] {
  const upserts = Object.values(load.profile.scenarios).flatMap(({ operation }) =>
    operation.kind === "upsert" ? (operation.collection ?? cluster.store.collection ?? []) : [],
  );
  return [...new Set(upserts)];
}

/** The command's exit code: what is not healed comes first, then what was refused, then the verdict. */
export function experimentExitCode({ verdict, unhealed, steps }: ExperimentResult): ExitCode {
  if (unhealed.length > 0) return ExitCode.unhealed;
  if (steps.some(({ outcome }) => outcome === "refused")) return ExitCode.refused;
  return { pass: ExitCode.ok, fail: ExitCode.failed, inconclusive: ExitCode.inconclusive }[verdict];
}
