import { clusterLine, resolveCluster } from "../../src/config/resolve.ts";
import type { ClusterConfig } from "../../src/config/schema.ts";
import { ExitCode, RagctlError } from "../../src/errors.ts";
import { chaosRunSchema, type ExperimentResult } from "../../src/experiments/result.ts";
import type { PreparedExperiment } from "../../src/experiments/prepare.ts";
import { chaosRunReport } from "../../src/report/chaos-run.ts";
import { Interrupted, type Runtime } from "../../src/runtime.ts";
import { confirmSevere, confirmTwice } from "../confirm.ts";
import { defineCommand, type CommandContext } from "../define.ts";
import { flag, type FlagValues } from "../flags.ts";
import { guardFlags, guardsOf } from "./guard-flags.ts";
import { experimentOutputProblems, reportFlags, writeExperimentReports } from "./run-outputs.ts";

const runFlags = {
  collection: flag.collection({ description: "an existing one, in place of one that the experiment makes for itself" }),
  breaker: flag.choice(["rolling", "fixed", "off"], { description: "the client's circuit breakers (default: the config's)" }),
  hedge: flag.choice(["off", "p95"], { description: "the client's hedged reads (default: the config's)" }),
  consistency: flag.choice(["one", "quorum", "all"], { description: "owners that must be asked (default: the config's)" }),
  seed: flag.count({ description: "decides which nodes random means (default: the profile's)" }),
  dryRun: flag.boolean({ description: "the timeline and what each fault would hit; nothing is touched" }),
  keep: flag.boolean({ description: "keep the experiment's own collection, and what it wrote" }),
  ...guardFlags,
  ...reportFlags,
};
type RunFlags = FlagValues<typeof runFlags>;

export default defineCommand({
  details:
    "Steady state under load, then the method (faults, waits, scaling, actions) under the same load, healing, recovery, and an audit of every acknowledged " +
    "write. Ends in a verdict: pass, fail (exit 4), or inconclusive (exit 6); exit 5 where a fault is not proven gone, 7 where a guard refuses. " +
    "Ctrl-C heals and reports.",
  positionals: [
    {
      name: "PROFILE",
      description:
        "a YAML, JSON or TS file, or a shipped one: kill-one, rolling-kill, gray-failure, partition-minority, slow-node, cascade, region-outage, cache-loss, disk-full",
      required: true,
    },
  ],
  flags: runFlags,
  examples: [
    ["ragctl chaos run kill-one", "a node dies and comes back: what did it cost?"],
    ["ragctl chaos run region-outage --dry-run", "the timeline, and what each fault would hit"],
    ["ragctl chaos run cascade --html report.html", "with a report to look at"],
    ["ragctl chaos run cascade --breaker off", "the same without circuit breakers"],
  ],
  resultSchema: chaosRunSchema,
  async run({ positionals: [profile = ""], flags, given }, context) {
    const { runtime, globals, note, warn } = context;
    experimentOutputProblems(flags, runtime);
    const [{ readExperiment }, { prepareExperiment }, { healLeftovers }] = await Promise.all([
      import("../../src/experiments/profile/read.ts"),
      import("../../src/experiments/prepare.ts"),
      import("../../src/faults/leftovers.ts"),
    ]);
    const read = await readExperiment(runtime.cwd, profile);
    const cluster = await resolveCluster(runtime, globals);
    note(clusterLine(runtime, cluster));
    const { collection, seed } = flags;
    const prepared = prepareExperiment(read, cluster, {
      ...(collection !== undefined && { collection }),
      ...(seed !== undefined && { seed }),
      routing: overridesOf(flags),
    });
    for (const text of prepared.notes) note(text);
    const guards = guardsOf(flags, given);
    if (flags.dryRun) {
      const { dryRun } = await import("../../src/experiments/dry-run.ts");
      return { result: await dryRun(prepared, guards, runtime), next: [`ragctl chaos run ${profile}`] };
    }
    await confirmExperiment(prepared, context, flags.confirm);
    await healLeftovers(runtime, warn);
    const { takeExperimentLock } = await import("../../src/faults/guard/index.ts");
    const lock = takeExperimentLock(cluster, `chaos run ${profile}`, runtime);
    try {
      const result = await asRun(prepared, flags, guards, context);
      return { result: forStdout(result), exitCode: await exitCodeOf(result, runtime) };
    } finally {
      lock.release();
    }
  },
  human: chaosRunReport,
});

async function asRun(
  prepared: PreparedExperiment,
  flags: RunFlags,
  guards: ReturnType<typeof guardsOf>,
  context: CommandContext,
): Promise<ExperimentResult> {
  const { runtime, note, warn, progress } = context;
  const [{ openRun }, { runExperiment }, { runFault }, { openChecker }] = await Promise.all([
    import("../../src/runs/index.ts"),
    import("../../src/experiments/run.ts"),
    import("../../src/faults/run-fault.ts"),
    import("../../src/experiments/checker/index.ts"),
  ]);
  const { cluster, read } = prepared;
  const run = openRun(runtime, { command: `chaos run ${read.name}`, cluster: cluster.name, warn });
  let task: ReturnType<typeof progress.start> | undefined;
  try {
    const result = await runExperiment(
      { prepared, guards, keep: flags.keep },
      {
        runtime,
        run,
        note: (text) => {
          task?.end();
          task = undefined;
          note(text);
        },
        warn,
        invoke: (argv) => context.invoke(argv),
        runFault: (request, deps) => runFault(request, deps),
        warm: async (request, deps) => await (await import("../../src/warming/index.ts")).warm(request, deps),
        openChecker: async (collections) =>
          await openChecker(
            { cluster, collections, dir: run.dir },
            { clock: runtime.clock, rng: runtime.rng, cwd: runtime.cwd, signal: runtime.hardSignal },
          ),
        onPhase: (phase) => {
          task?.end();
          task = undefined;
          note(phases[phase]);
        },
        onProgress: ({ counts }) => {
          task ??= progress.start("load", { unit: "operations" });
          task.update(counts.completed, counts.errors > 0 ? `${counts.errors} errors` : "");
        },
      },
    );
    task?.end();
    run.end({ exitCode: await exitCodeOf(result, runtime), state: result.interrupted ? "interrupted" : "done", result });
    await writeExperimentReports(flags, result, context, run.id);
    return result;
  } catch (error) {
    task?.end();
    const stopped = runtime.signal.aborted;
    run.end({
      exitCode: error instanceof RagctlError ? error.exitCode : ExitCode.bug,
      state: stopped ? "interrupted" : "failed",
    });
    throw error;
  }
}

const phases = {
  setup: "making a collection of its own",
  before: "steady state: measuring before anything is broken",
  method: "method",
  recovery: "recovery: until the steady state holds again",
  audit: "audit: every acknowledged write, on every replica",
} as const;

function overridesOf({ breaker, hedge, consistency }: RunFlags): Partial<ClusterConfig["routing"]> {
  return {
    ...(breaker !== undefined && { breaker }),
    ...(hedge !== undefined && { hedge }),
    ...(consistency !== undefined && { consistency }),
  };
}

/** What one of the faults would be asked for, the experiment is asked for once, before it begins. */
async function confirmExperiment(
  { cluster, timeline, read }: PreparedExperiment,
  context: CommandContext,
  given: string | undefined,
): Promise<void> {
  const { faultNamed } = await import("../../src/faults/index.ts");
  const faults = timeline.steps.flatMap(({ step }) => (step.kind === "fault" ? (faultNamed(step.fault) ?? []) : []));
  const what = `the experiment ${read.name}`;
  const final = faults.filter(({ reversible }) => !reversible).map(({ name }) => name);
  if (final.length > 0)
    return await confirmTwice(context, cluster, `${what}, whose ${final.join(", ")} cannot be undone,`, given);
  if (cluster.protected || faults.some(({ severe }) => severe)) await confirmSevere(context, cluster, what, given);
}

async function exitCodeOf(result: ExperimentResult, runtime: Runtime): Promise<ExitCode> {
  const { experimentExitCode } = await import("../../src/experiments/run.ts");
  if (result.unhealed.length > 0 || !result.interrupted) return experimentExitCode(result);
  const { reason } = runtime.signal;
  return reason instanceof Interrupted && reason.signalName === "SIGTERM" ? ExitCode.terminated : ExitCode.interrupted;
}

/** The histograms are for files. */
function forStdout(result: ExperimentResult): ExperimentResult {
  const { histograms: _, series: _series, ...load } = result.load;
  const windows = load.windows.map(({ responseHistogram: _histogram, ...window }) => window);
  return { ...result, load: { ...load, windows } };
}
