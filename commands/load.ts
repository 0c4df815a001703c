import { writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { ExitCode, RagctlError, usageError, type Problem } from "../src/errors.ts";
import { loadResultSchema, type LoadResult } from "../src/load/result.ts";
import { loadReport } from "../src/report/load.ts";
import type { Run, RunEvent } from "../src/runs/index.ts";
import { Interrupted, type Runtime } from "../src/runtime.ts";
import { defineCommand, type CommandContext } from "./define.ts";
import { loadFlags, type LoadFlags } from "./load/flags.ts";
import { outputProblems, watchLoad, writeReports } from "./load/outputs.ts";
import { prepareLoad, type PreparedLoad } from "./load/prepare.ts";
import { targetProblems } from "./load/target.ts";

export default defineCommand({
  details:
    "Open loop: request i is due at i / rate, however slow the target is, and its response time counts from then. Ends in a verdict: pass, fail " +
    "(exit 4), or inconclusive (exit 6) when the generator was the limit. Ctrl-C drains and reports; a second one stops.",
  positionals: [
    {
      name: "PROFILE",
      description: "scenarios side by side: a YAML, JSON or TS file, or a shipped one (smoke, steady, mixed, cache-placement, …)",
    },
  ],
  flags: loadFlags,
  examples: [
    ["ragctl load --rps 500 --duration 10s --collection docs", "searches with the collection's own points"],
    ["ragctl load cache-placement", "memory in each server, one shared Redis, or both: hits, backend calls, times, cost"],
    ["ragctl load mixed --rps 100 --html report.html", "a shipped profile: reads, writes, freshness and recall"],
    ["ragctl load --rps 200 --threshold 'p99<100ms' --threshold 'errors<0.1%' --out run.json", "with limits of your own"],
    ["ragctl load --rps 200 --html report.html --hlog run.hlog", "with a report to look at, and one for other tools"],
    ["ragctl load --rps 1000 --url http://localhost:8080/search --body query.json", "any HTTP target"],
  ],
  resultSchema: loadResultSchema,
  async run({ positionals: [profile], flags, given }, context) {
    const { runtime } = context;
    checkFlags(profile, flags, given, runtime);
    const load = await prepareLoad(profile, flags, given, context);
    const { cluster } = load;
    const [{ openRun }, { windowsFile }] = await Promise.all([
      import("../src/runs/index.ts"),
      import("../src/load/windows/file.ts"),
    ]);
    const run = openRun(runtime, { command: "load", ...(cluster !== undefined && { cluster }), warn: context.warn });
    const watch = await watchLoad(
      flags,
      { title: load.title, total: load.total, labels: { run: run.id, ...(cluster !== undefined && { cluster }) } },
      context,
    );
    try {
      const result = await load.run({
        clock: runtime.clock,
        rng: runtime.rng,
        versions: runtime.versions,
        platform: runtime.platform,
        signal: runtime.signal,
        hardSignal: runtime.hardSignal,
        windowsFile: join(run.dir, windowsFile),
        warn: (text) => watch.warn(text),
        events: await eventSources(flags, load, run, context),
        onProgress: (progress) => watch.onProgress(progress),
        onWindow: (window) => watch.onWindow(window),
        onEvent: (event) => {
          watch.onEvent(event);
          run.event(event);
        },
      });
      await watch.end();
      const exitCode = exitCodeOf(result, runtime);
      run.end({ exitCode, state: result.interrupted ? "interrupted" : "done", result });
      if (flags.out !== undefined) await writeOut(resolve(runtime.cwd, flags.out), result);
      await writeReports(flags, result, context, run.id);
      return { result: forStdout(result), exitCode };
    } catch (error) {
      await watch.end();
      run.end({
        exitCode: error instanceof RagctlError ? error.exitCode : ExitCode.bug,
        state: runtime.signal.aborted ? "interrupted" : "failed",
      });
      throw error;
    }
  },
  human: loadReport,
});

const profileOnly = ["vus", "keepWrites"];
/** A profile says these for each of its scenarios. */
const saidByProfile = ["queries", "allowPartial", "recall", "url", "method", "body", "header"];

/** What must hold before anything is sent: flags of one kind of target make no sense with another, and the result must have a place. */
function checkFlags(profile: string | undefined, flags: LoadFlags, given: ReadonlySet<string>, runtime: Runtime): void {
  const refuse = (names: readonly string[], message: string) =>
    names.filter((name) => given.has(name)).map((name): Problem => ({ path: `--${kebab(name)}`, message }));
  const problems =
    profile === undefined
      ? [...targetProblems(given), ...refuse(profileOnly, "needs a PROFILE")]
      : refuse(saidByProfile, "is said by the profile");
  if (profile === undefined && given.has("url")) problems.push(...refuse(["recall"], "is for clusters, and --url is none"));
  if (profile === undefined && flags.rps === undefined)
    problems.push({ path: "--rps", message: "is required without a PROFILE" });
  const folder = flags.out === undefined ? undefined : dirname(resolve(runtime.cwd, flags.out));
  if (folder !== undefined && !existsSync(folder)) problems.push({ path: "--out", message: `there is no folder ${folder}` });
  problems.push(...outputProblems(flags, runtime));
  if (problems.length > 0) throw usageError(problems, { hint: "ragctl load --help" });
}

function kebab(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** What others put on the timeline: `--events`, and the other live runs of the cluster. */
async function eventSources(
  { events }: LoadFlags,
  { cluster }: PreparedLoad,
  run: Run,
  { runtime, warn }: CommandContext,
): Promise<() => RunEvent[]> {
  const [{ tailEvents }, { liveRunEvents }] = await Promise.all([
    import("../src/load/events/tail.ts"),
    import("../src/load/events/live-runs.ts"),
  ]);
  const sources = [
    ...(events === undefined ? [] : [tailEvents(resolve(runtime.cwd, events), warn)]),
    ...(cluster === undefined ? [] : [liveRunEvents(runtime.stateDir, cluster, run.id)]),
  ];
  return () => sources.flatMap((poll) => poll());
}

function exitCodeOf(result: LoadResult, runtime: Runtime): ExitCode {
  if (result.interrupted) {
    const { reason } = runtime.signal;
    return reason instanceof Interrupted && reason.signalName === "SIGTERM" ? ExitCode.terminated : ExitCode.interrupted;
  }
  const byVerdict = { pass: ExitCode.ok, fail: ExitCode.failed, inconclusive: ExitCode.inconclusive };
  return byVerdict[result.verdict];
}

async function writeOut(file: string, result: LoadResult): Promise<void> {
  try {
    await writeFile(file, `${JSON.stringify(result)}\n`);
  } catch (error) {
    throw usageError([{ path: "--out", message: `${file} cannot be written: ${(error as Error).message}` }]);
  }
}

/** The histograms and series are for files and comparisons. */
function forStdout(result: LoadResult): LoadResult {
  const windows = result.windows.map((window) => {
    const shown = { ...window };
    delete shown.responseHistogram;
    return shown;
  });
  const { histograms: _, series: _series, ...shown } = result;
  return { ...shown, windows };
}
