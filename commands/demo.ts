import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { demoCorpus } from "../src/demo/corpus.ts";
import { demoResult, type DemoLoad, type DemoResult } from "../src/demo/result.ts";
import { ExitCode, RagctlError } from "../src/errors.ts";
import type { FaultResult } from "../src/faults/result.ts";
import type { LoadResult } from "../src/load/result.ts";
import { demoReport } from "../src/report/demo.ts";
import { durationInput, formatDurationMs } from "../src/units.ts";
import { defineCommand, type CommandContext, type Invocation } from "./define.ts";
import { flag } from "./flags.ts";

export default defineCommand({
  details:
    "In a folder of its own, removed at the end: starts three nodes with two replicas, ingests the Markdown documents of the installed npm packages, " +
    "checks the cluster, loads it, loads it again while a node is killed and comes back, and stops it. Each step shows the command you would type.",
  flags: {
    rps: flag.ratePerSec({ description: "rate of the two load runs", default: 200 }),
    duration: flag.positiveDurationMs({ description: "of each load run", default: 10_000 }),
  },
  examples: [["ragctl demo", "about a minute, nothing left behind"]],
  resultSchema: demoResult,
  async run({ flags }, context) {
    const folder = await mkdtemp(join(tmpdir(), "ragctl-demo-"));
    const steps: DemoResult["steps"] = [];
    const step = demoStepper(context, folder, steps);
    try {
      await step(["up", "--nodes", "3", "--replicas", "2"]);
      await step(["ingest", ...demoCorpus(), "--collection", "docs"], {
        title: "ingest README.md docs node_modules --collection docs",
      });
      await step(["smoke"], { accepted: badVerdicts });
      const load = ["load", "--rps", String(flags.rps), "--duration", durationInput(flags.duration), "--collection", "docs"];
      const calm = summary(await step(load, { accepted: badVerdicts }));
      const kill = ["chaos", "kill-node", "n2", "--restart-after", "3s"];
      context.note(
        `\n${context.style.dim("… and again, while in another terminal, three tenths into it:")} ${context.style.bold(`ragctl ${kill.join(" ")}`)}`,
      );
      // Shown when the load's own view is off the screen.
      const killed = context.runtime.clock
        .sleep(flags.duration * 0.3, context.runtime.signal)
        .then(() => step(kill, { show: false }));
      // Observed below, after the load; until then an interrupt must not count as unhandled.
      killed.catch(() => {});
      const nodeKilled = summary(await step(load, { accepted: badVerdicts }));
      const { healedAt, injectedAt } = (await killed).result as FaultResult;
      context.note(`n2 was killed, and proven back after ${formatDurationMs((healedAt ?? 0) - injectedAt)}`);
      const verdict = worst([calm.verdict, nodeKilled.verdict]);
      const exitCode = verdict === "pass" ? ExitCode.ok : verdict === "fail" ? ExitCode.failed : ExitCode.inconclusive;
      await step(["down", "--delete"]);
      return {
        result: { steps, calm, nodeKilled, verdict },
        exitCode,
        next: ["ragctl up --nodes 3 --replicas 2", "ragctl load --rps 500 --duration 30s"],
      };
    } finally {
      if (steps.at(-1)?.command !== "ragctl down --delete")
        await context.invoke(["down", "--delete"], { cwd: folder, shielded: true, show: false });
      await rm(folder, { recursive: true, force: true });
    }
  },
  human: demoReport,
});

/** The demo goes on after these: what it shows is the verdict. */
const badVerdicts: ExitCode[] = [ExitCode.failed, ExitCode.inconclusive];

interface StepOptions {
  /** What a person would type, where the argument list is longer than that. */
  title?: string;
  /** Exit codes, beside 0, that do not end the demo. */
  accepted?: ExitCode[];
  /** False: nothing of it is printed. */
  show?: boolean;
}

/** Says the command, runs it, and stops the demo where it ends in anything but 0 or one of `accepted`. */
function demoStepper(context: CommandContext, folder: string, steps: DemoResult["steps"]) {
  const { runtime, style } = context;
  return async (argv: string[], { title, accepted = [], show = true }: StepOptions = {}): Promise<Invocation> => {
    const shown = title ?? argv.join(" ");
    if (show) context.note(`\n${style.dim("$")} ${style.bold(`ragctl ${shown}`)}`);
    const startedUs = runtime.clock.monotonicUs();
    const invocation = await context.invoke(argv, { cwd: folder, show });
    const { exitCode, error } = invocation;
    steps.push({ command: `ragctl ${shown}`, exitCode, seconds: (runtime.clock.monotonicUs() - startedUs) / 1e6 });
    if (runtime.signal.aborted)
      throw new RagctlError("interrupted; the demo's cluster is stopped and removed", {
        code: "interrupted",
        exitCode: error?.exitCode === ExitCode.terminated ? ExitCode.terminated : ExitCode.interrupted,
        cause: runtime.signal.reason,
      });
    if (exitCode !== ExitCode.ok && !accepted.includes(exitCode))
      throw new RagctlError(`the step "ragctl ${shown}" ended with exit code ${exitCode}${error ? `: ${error.message}` : ""}`, {
        code: "demo-step",
        exitCode,
        hint: error?.hint ?? "the cluster of the demo has been stopped and removed",
      });
    return invocation;
  };
}

function summary({ result }: Invocation): DemoLoad {
  const { verdict, rates, counts, responseTimeUs } = result as LoadResult;
  const { p50, p95, p99, max } = responseTimeUs;
  return {
    verdict,
    sentPerSec: rates.sentPerSec,
    completed: counts.completed,
    errors: counts.errors,
    responseTimeUs: { p50, p95, p99, max },
  };
}

function worst(verdicts: string[]): DemoResult["verdict"] {
  return verdicts.includes("fail") ? "fail" : verdicts.includes("inconclusive") ? "inconclusive" : "pass";
}
