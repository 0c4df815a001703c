import { clusterLine, resolveCluster } from "../../src/config/resolve.ts";
import type { ClusterConfig } from "../../src/config/schema.ts";
import { ExitCode, RagctlError, usageError } from "../../src/errors.ts";
import { shardApplySchema, type ShardApplyResult } from "../../src/migration/result.ts";
import { formatMaxRate } from "../../src/migration/throttle.ts";
import { applyProgressNote, blastRadiusText, shardApplyReport } from "../../src/report/shard-apply.ts";
import { Interrupted } from "../../src/runtime.ts";
import type { Run } from "../../src/runs/index.ts";
import type { Plan } from "../../src/sharding/plan/contract.ts";
import { defaultMaxRate } from "../../src/sharding/plan/price.ts";
import { confirmSevere } from "../confirm.ts";
import { defineCommand, type CommandContext } from "../define.ts";
import { flag, type FlagValues } from "../flags.ts";
import { maxRateFlag } from "../max-rate.ts";
import { shellLine } from "../shell.ts";

const flags = {
  resume: flag.boolean({ description: "go on with a plan that was begun; begin one that was not" }),
  abort: flag.boolean({ description: "take back what has not been cut over, and delete what was copied for it" }),
  concurrency: flag.positive({ description: "moves at once, where they share no points", default: 1 }),
  maxRate: maxRateFlag("copy at most so much"),
  maxPause: flag.positiveDurationMs({
    description: "how long to wait for a node, a client or a degraded cluster before giving up",
    default: 600_000,
  }),
  confirm: flag.string({ description: "the name of a protected cluster, where nobody can be asked", placeholder: "name" }),
};

/** What `apply` is called, and says of itself; a plan of either kind is applied by either. */
interface ApplyWords {
  noun: "shard" | "rebalance";
  details: string;
}

export default applyCommand({
  noun: "shard",
  details:
    "Copies, drains, holds writes for about a second a move, cuts over and cleans up, step by step; every read and every acknowledged write sees all of it " +
    "(docs/moves.md). It pauses by itself while a node does not answer or the cluster is slower than its objective. Ctrl-C stops after the step in flight, " +
    "a second one at once; either way, and after a crash, --resume goes on: what is true stands in the routing table.\n\n" +
    "Applications that write to the nodes without ragctl's client must be quiet meanwhile: what they write during a move may be lost.",
});

/** The command that carries out plans, under a noun. */
export function applyCommand({ noun, details }: ApplyWords) {
  return defineCommand({
    details,
    positionals: [{ name: "plan", description: `the file that ${noun} plan wrote`, required: true }],
    flags,
    examples: [
      [`ragctl ${noun} apply plan.json`, "shows what it would do, and asks"],
      [`ragctl ${noun} apply plan.json --yes --max-rate 20MiB/s`, "unattended, gently"],
      [`ragctl ${noun} apply plan.json --resume`, "after a crash or a Ctrl-C"],
    ],
    resultSchema: shardApplySchema,
    async run({ positionals: [file = ""], flags }, context) {
      const { runtime, globals, note } = context;
      if (flags.resume && flags.abort) throw usageError([{ path: "--abort", message: "contradicts --resume" }]);
      const { readPlan } = await import("../../src/migration/plan-file.ts");
      const plan = readPlan(runtime.cwd, file);
      const cluster = await resolveCluster(runtime, globals);
      note(clusterLine(runtime, cluster));
      const work =
        cluster.topology === "native" ? await native(plan, cluster, flags, context) : await routed(plan, cluster, flags, context);
      const resume = resumeLine(runtime.argv);
      const { openRun } = await import("../../src/runs/index.ts");
      const run = openRun(runtime, { command: `${noun} apply`, cluster: cluster.name, resume, warn: context.warn });
      const task = context.progress.start("apply", { total: plan.price.points, unit: "points" });
      try {
        const result = await work.run(run, (points, done) => task.update(points, applyProgressNote(done, plan.steps.length)));
        task.end();
        const interrupted = result.state === "interrupted";
        const exitCode = interrupted ? interruptCode(context) : ExitCode.ok;
        run.end({ exitCode, result, state: interrupted ? "interrupted" : "done", ...(interrupted && { resume }) });
        return { result, exitCode, next: nextOf(noun, result, plan, file, resume) };
      } catch (error) {
        task.end();
        const stopped = runtime.signal.aborted;
        const exitCode = stopped ? interruptCode(context) : error instanceof RagctlError ? error.exitCode : ExitCode.bug;
        run.end({ exitCode, state: stopped ? "interrupted" : "failed", resume });
        if (stopped) note(`stopped; to go on: ${resume}`);
        throw error;
      } finally {
        await work.close();
      }
    },
    human: shardApplyReport,
  });
}

type ApplyFlags = FlagValues<typeof flags>;

interface Work {
  run(run: Run, onProgress: (points: number, stepsDone: number) => void): Promise<ShardApplyResult>;
  close(): Promise<void>;
}

async function routed(plan: Plan, cluster: ClusterConfig, flags: ApplyFlags, context: CommandContext): Promise<Work> {
  const { runtime, note } = context;
  const [{ openMigration }, { checkPlan, runApply }] = await Promise.all([
    import("../../src/migration/access.ts"),
    import("../../src/migration/run-apply.ts"),
  ]);
  const access = await openMigration(cluster, runtime);
  try {
    const state = await checkPlan({ plan, ...flags }, access);
    // What was begun was confirmed then, and what is finished does nothing.
    if (state === "fresh") await confirmSevere(context, cluster, question(plan, flags), flags.confirm);
  } catch (error) {
    await access.close();
    throw error;
  }
  return {
    run: (run, onProgress) =>
      runApply(
        { plan, ...flags, maxRate: flags.maxRate ?? defaultMaxRate, patienceMs: flags.maxPause },
        { access, journal: journalOf(run), soft: runtime.signal, hard: runtime.hardSignal, note, onProgress },
      ),
    close: () => access.close(),
  };
}

async function native(plan: Plan, cluster: ClusterConfig, flags: ApplyFlags, context: CommandContext): Promise<Work> {
  const { runtime } = context;
  if (plan.kind === "rebalance") return await rekey(plan, cluster, flags, context);
  const { applyNative, checkNative } = await import("../../src/migration/run-native.ts");
  const state = await checkNative(plan, cluster, runtime, flags);
  if (state === "fresh") await confirmSevere(context, cluster, question(plan, flags), flags.confirm);
  return {
    run: (run, onProgress) =>
      applyNative(plan, cluster, {
        ...flags,
        runtime,
        journal: journalOf(run),
        patienceMs: flags.maxPause,
        note: context.note,
        onProgress,
      }),
    close: () => Promise.resolve(),
  };
}

/** The cells of a native collection. */
async function rekey(plan: Plan, cluster: ClusterConfig, flags: ApplyFlags, context: CommandContext): Promise<Work> {
  const { runtime, note } = context;
  const { checkRekey, runRekey } = await import("../../src/migration/rekey/run.ts");
  const state = await checkRekey(plan, cluster, runtime, flags);
  if (state === "fresh") await confirmSevere(context, cluster, question(plan, flags), flags.confirm);
  return {
    run: (run, onProgress) =>
      runRekey(plan, cluster, {
        ...flags,
        maxRate: flags.maxRate ?? defaultMaxRate,
        patienceMs: flags.maxPause,
        runtime,
        journal: journalOf(run),
        note,
        onProgress,
      }),
    close: () => Promise.resolve(),
  };
}

function question(plan: Plan, { maxRate, concurrency }: ApplyFlags): string {
  const pace = `at most ${formatMaxRate(maxRate ?? defaultMaxRate)}`;
  return `${blastRadiusText(plan)}, ${concurrency === 1 ? "one at a time" : `${concurrency} at once`}, ${pace}`;
}

function journalOf(run: Run) {
  return {
    record: (name: string, phase: "start" | "end", detail?: unknown) =>
      run.event({ kind: "migration", name, phase, ...(detail === undefined ? {} : { detail }) }, { durable: true }),
  };
}

function interruptCode({ runtime: { signal } }: CommandContext): 130 | 143 {
  return signal.reason instanceof Interrupted && signal.reason.signalName === "SIGTERM"
    ? ExitCode.terminated
    : ExitCode.interrupted;
}

/** This command line, to go on: as it was, with --resume. */
function resumeLine(argv: readonly string[]): string {
  return shellLine(["ragctl", ...argv.filter((word) => word !== "--abort" && word !== "--resume"), "--resume"]);
}

function nextOf(noun: string, result: ShardApplyResult, plan: Plan, file: string, resume: string): string[] {
  if (result.state === "interrupted") return [resume];
  if (result.state === "aborted" && result.steps.done > 0)
    return [shellLine(["ragctl", noun, "reverse", file, "-o", "back.json"])];
  return [`ragctl ${noun} verify --collection ${plan.collection}`];
}
