import { ExitCode, RagctlError, usageError, type Problem } from "../../src/errors.ts";
import { capacityResultSchema, type CapacityResult } from "../../src/load/capacity/result.ts";
import type { LoadSpec, ThresholdInput } from "../../src/load/contract.ts";
import { defaultThresholds, objectiveThresholds, parseThreshold, recallObjective } from "../../src/load/thresholds.ts";
import { capacityReport, probeNote } from "../../src/report/load-capacity.ts";
import { Interrupted, type Runtime } from "../../src/runtime.ts";
import { formatRate } from "../../src/units.ts";
import { defineCommand, type CommandContext } from "../define.ts";
import { flag, type FlagSpec, type FlagValues } from "../flags.ts";
import { clusterTarget, targetFlags, targetProblems, urlTarget, withRecall, type Target } from "./target.ts";

const sloFlag: FlagSpec<string[]> = {
  ...flag.repeated({
    description: "p99<100ms, errors<0.1%, recall@10>0.95; may be given again (default: the cluster's objectives)",
    placeholder: "expression",
  }),
  parse: (text) => [parseThreshold({ expression: text, source: "flag" }).expression],
};

const flags = {
  slo: sloFlag,
  min: flag.ratePerSec({ description: "where the search begins, and below which it does not go", default: 50 }),
  max: flag.ratePerSec({ description: "where it ends (default: wherever the system breaks)" }),
  hold: flag.positiveDurationMs({ description: "how long each rate is held", default: 10_000 }),
  warmup: flag.durationMs({ description: "before it, at the same rate", default: 2_000 }),
  rest: flag.durationMs({ description: "between two rates, for queues to empty", default: 1_000 }),
  repeats: flag.positive({ description: "both ends are held so often that most of these agree; odd", default: 3 }),
  resolution: flag.fraction({ description: "stop when the rate that breaks is this close to the one that holds", default: 0.03 }),
  workers: flag.positive({ description: "threads that send", default: 1 }),
  timeout: flag.positiveDurationMs({ description: "per operation", default: 5_000 }),
  recall: flag.positive({ description: "queries whose answers are judged (default: 200 where an objective names recall)" }),
  ...targetFlags,
};
type Values = FlagValues<typeof flags>;

export default defineCommand({
  details:
    "The highest rate that holds all objectives: doubles the rate from --min until one breaks, halves the gap, then repeats both ends until a majority " +
    "agrees. Each rate is a load run of its own, warm-up and all. Says what broke first, and where the generator and not the system was the limit (exit 6). Exit 4 where not even " +
    "--min holds. Ctrl-C reports what is known.",
  flags,
  examples: [
    ["ragctl load capacity --slo 'p99<100ms' --slo 'errors<0.1%' --slo 'recall@10>0.95'", "of the cluster"],
    ["ragctl load capacity --url http://localhost:8080/search --slo 'p99<50ms' --min 100 --max 20000", "of any HTTP server"],
  ],
  resultSchema: capacityResultSchema,
  async run({ flags, given }, context) {
    const { runtime } = context;
    checkFlags(flags, given);
    const { target, slos } = await aim(flags, context);
    const [{ findCapacity }, { runLoad }, { openRun }] = await Promise.all([
      import("../../src/load/capacity/index.ts"),
      import("../../src/load/index.ts"),
      import("../../src/runs/index.ts"),
    ]);
    const cluster = target.cluster?.name;
    const run = openRun(runtime, { command: "load capacity", ...(cluster !== undefined && { cluster }), warn: context.warn });
    const task = context.progress.start("capacity", { unit: "rates held" });
    try {
      const result = await findCapacity(
        {
          minPerSec: flags.min,
          maxPerSec: flags.max,
          repeats: flags.repeats,
          resolution: flags.resolution,
          holdMs: flags.hold,
          warmupMs: flags.warmup,
          slos: slos.map(({ expression }) => expression),
          target: described(target),
        },
        {
          signal: runtime.signal,
          onProbe(next, done) {
            const last = done.at(-1);
            if (last) context.note(probeNote(last));
            task.update(done.length, `holding ${formatRate(next.ratePerSec)}`);
          },
          async probe(ratePerSec) {
            try {
              if (flags.rest > 0) await runtime.clock.sleep(flags.rest, runtime.signal);
              run.event({ kind: "load", name: `probe ${formatRate(ratePerSec)}`, phase: "start" });
              const { clock, rng, versions, platform, signal, hardSignal } = runtime;
              return await runLoad(specOf(flags, target, slos, ratePerSec), {
                clock,
                rng,
                versions,
                platform,
                signal,
                hardSignal,
                target: target.target,
                urls: target.urls,
              });
            } catch (error) {
              if (runtime.signal.aborted) return undefined;
              throw error;
            } finally {
              run.event({ kind: "load", name: `probe ${formatRate(ratePerSec)}`, phase: "end" });
            }
          },
        },
      );
      const last = result.probes.at(-1);
      if (last) context.note(probeNote(last));
      const exitCode = exitCodeOf(result, runtime);
      run.end({ exitCode, state: result.interrupted ? "interrupted" : "done", result });
      return { result, exitCode };
    } catch (error) {
      run.end({
        exitCode: error instanceof RagctlError ? error.exitCode : ExitCode.bug,
        state: runtime.signal.aborted ? "interrupted" : "failed",
      });
      throw error;
    } finally {
      task.end();
    }
  },
  human: capacityReport,
});

function checkFlags(flags: Values, given: ReadonlySet<string>): void {
  const problems: Problem[] = targetProblems(given);
  if (flags.max !== undefined && flags.max < flags.min) problems.push({ path: "--max", message: "is below --min" });
  if (flags.repeats % 2 === 0) problems.push({ path: "--repeats", message: "expected an odd number: a majority must decide" });
  if (!(flags.resolution > 0 && flags.resolution < 1))
    problems.push({ path: "--resolution", message: "expected a share between 0 and 1" });
  if (given.has("url") && given.has("recall")) problems.push({ path: "--recall", message: "is for clusters, and --url is none" });
  if (problems.length > 0) throw usageError(problems);
}

/** What is asked, and what must hold. */
async function aim(flags: Values, context: CommandContext): Promise<{ target: Target; slos: ThresholdInput[] }> {
  const own = flags.slo.map((expression): ThresholdInput => ({ expression, source: "flag" }));
  if (flags.url !== undefined)
    return { target: await urlTarget(flags, context.runtime), slos: own.length > 0 ? own : defaultThresholds };
  const chosen = await clusterTarget(flags, context, (cluster) =>
    cluster.maxRate !== undefined && flags.max !== undefined && flags.max <= cluster.maxRate ? undefined : "load until it breaks",
  );
  const { objectives } = chosen.cluster;
  const fromConfig = [...objectiveThresholds(objectives), ...(flags.k >= 10 ? recallObjective(objectives) : [])];
  const slos = own.length > 0 ? own : fromConfig.length > 0 ? fromConfig : defaultThresholds;
  const operation = await withRecall(chosen.operation, { thresholds: slos, samples: flags.recall, seed: flags.seed }, context);
  return { target: { ...chosen, operation }, slos };
}

function specOf(flags: Values, { operation }: Target, thresholds: ThresholdInput[], ratePerSec: number): LoadSpec {
  const { seed } = flags;
  return {
    scenarios: [
      {
        name: operation.kind,
        executor: {
          kind: "constant-arrival-rate",
          ratePerSec,
          warmupUs: flags.warmup * 1000,
          durationUs: flags.hold * 1000,
        },
        operation,
        tags: {},
        workers: flags.workers,
        timeoutUs: flags.timeout * 1000,
        maxInFlight: Math.max(1000, Math.ceil(2 * ratePerSec)),
        seed,
      },
    ],
    thresholds,
    seed,
  };
}

function described({ target }: Target): string {
  switch (target.kind) {
    case "http":
      return `${target.method} ${target.url}`;
    case "search":
      return `search of ${target.collection}, k ${target.k}, on cluster ${target.cluster}`;
    default:
      return target.profile;
  }
}

function exitCodeOf(result: CapacityResult, { signal }: Runtime): ExitCode {
  if (result.interrupted)
    return signal.reason instanceof Interrupted && signal.reason.signalName === "SIGTERM"
      ? ExitCode.terminated
      : ExitCode.interrupted;
  if (result.generatorBound) return ExitCode.inconclusive;
  return result.ratePerSec === null ? ExitCode.failed : ExitCode.ok;
}
