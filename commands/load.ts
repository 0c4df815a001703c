import { readFile, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { clusterLine, resolveCluster } from "../src/config/resolve.ts";
import { ExitCode, RagctlError, usageError, type Problem } from "../src/errors.ts";
import type { LoadSpec, OperationSpec, ThresholdInput } from "../src/load/contract.ts";
import { loadResultSchema, type LoadResult } from "../src/load/result.ts";
import { singleScenario } from "../src/load/scenarios.ts";
import type { ChosenTarget } from "../src/load/targets/http.ts";
import { defaultThresholds, objectiveThresholds, parseThreshold } from "../src/load/thresholds.ts";
import { loadReport } from "../src/report/load.ts";
import { Interrupted, type Runtime } from "../src/runtime.ts";
import { formatRate } from "../src/units.ts";
import { confirmProtected } from "./confirm.ts";
import { defineCommand, type CommandContext } from "./define.ts";
import { flag, type FlagSpec, type FlagValues } from "./flags.ts";
import { liveFlags, outputProblems, reportFlags, watchLoad, writeReports } from "./load/outputs.ts";

const thresholdFlag: FlagSpec<string[]> = {
  ...flag.repeated({
    description: "p99<100ms, p99.9<250ms, errors<0.1%, rate>99%; may be given again (default: the cluster's objectives)",
    placeholder: "expression",
  }),
  parse: (text) => [parseThreshold({ expression: text, source: "flag" }).expression],
};

const flags = {
  rps: flag.ratePerSec({ description: "operations per second, due whatever became of earlier ones", required: true }),
  duration: flag.positiveDurationMs({ description: "of the measured part", default: 10_000 }),
  warmup: flag.durationMs({ description: "before it, at the same rate, in no count", default: 2_000 }),
  workers: flag.positive({ description: "threads that send", default: 1 }),
  timeout: flag.positiveDurationMs({ description: "per operation", default: 5_000 }),
  maxInFlight: flag.positive({ description: "operations under way at most (default: 1000, or two seconds of the rate)" }),
  threshold: thresholdFlag,
  collection: flag.string({ description: "collection to search (default: the config's, or the only one)", placeholder: "name" }),
  k: flag.positive({ description: "hits per search", default: 10 }),
  ef: flag.positive({ description: "hnsw_ef of each search" }),
  queries: flag.file({ description: "JSONL of vector or text (default: the collection's own points)" }),
  allowPartial: flag.boolean({ description: "an answer that misses part of the collection counts as ok" }),
  url: flag.string({ description: "any HTTP target instead of a cluster", placeholder: "url" }),
  method: flag.string({ description: "GET, POST, … (default: POST with a body, else GET)", placeholder: "method" }),
  body: flag.file({ description: "file that each request carries" }),
  header: flag.repeated({ description: '"Name: value"; may be given again', placeholder: "header" }),
  out: flag.file({ description: "write the result, with its histograms, here too" }),
  ...reportFlags,
  ...liveFlags,
  seed: flag.count({ description: "repeats the choice of queries", default: 1 }),
  confirm: flag.string({ description: "the name of a protected cluster, where nobody can be asked", placeholder: "name" }),
};

type Values = FlagValues<typeof flags>;

export default defineCommand({
  details:
    "Open loop: request i is due at i / rate, however slow the target is, and its response time counts from then. Ends in a verdict: pass, fail " +
    "(exit 4), or inconclusive (exit 6) when the generator was the limit. Ctrl-C drains and reports; a second one stops.",
  flags,
  examples: [
    ["ragctl load --rps 500 --duration 10s --collection docs", "searches with the collection's own points"],
    ["ragctl load --rps 200 --threshold 'p99<100ms' --threshold 'errors<0.1%' --out run.json", "with limits of your own"],
    ["ragctl load --rps 200 --html report.html --hlog run.hlog", "with a report to look at, and one for other tools"],
    ["ragctl load --rps 1000 --url http://localhost:8080/search --body query.json", "any HTTP target"],
  ],
  resultSchema: loadResultSchema,
  async run({ flags, given }, context) {
    const { runtime } = context;
    checkFlags(flags, given, runtime);
    const { chosen, thresholds, cluster } =
      flags.url === undefined ? await ofCluster(flags, context) : await ofUrl(flags, runtime);
    const spec = specOf(flags, chosen.operation, thresholds);
    const [{ runLoad }, { openRun }] = await Promise.all([import("../src/load/index.ts"), import("../src/runs/index.ts")]);
    const run = openRun(runtime, { command: "load", ...(cluster !== undefined && { cluster }), warn: context.warn });
    const watch = await watchLoad(
      flags,
      {
        title: `load of ${formatRate(flags.rps)} on ${cluster === undefined ? flags.url : `cluster ${cluster}`}`,
        total: Math.round((flags.rps * flags.duration) / 1000),
        labels: { run: run.id, ...(cluster !== undefined && { cluster }) },
      },
      context,
    );
    try {
      const result = await runLoad(spec, {
        clock: runtime.clock,
        rng: runtime.rng,
        target: chosen.target,
        urls: chosen.urls,
        versions: runtime.versions,
        platform: runtime.platform,
        signal: runtime.signal,
        hardSignal: runtime.hardSignal,
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
      return { result: withoutHistograms(result), exitCode };
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

/** What must hold before anything is sent: flags of one kind of target make no sense with the other, and the result must have a place. */
function checkFlags(flags: Values, given: ReadonlySet<string>, runtime: Runtime): void {
  const foreign = given.has("url")
    ? ["collection", "k", "ef", "queries", "allowPartial", "confirm"]
    : ["method", "body", "header"];
  const problems = foreign
    .filter((name) => given.has(name))
    .map((name): Problem => ({
      path: `--${name.replace("allowPartial", "allow-partial")}`,
      message: given.has("url") ? "is for clusters, and --url is none" : "needs --url",
    }));
  const folder = flags.out === undefined ? undefined : dirname(resolve(runtime.cwd, flags.out));
  if (folder !== undefined && !existsSync(folder)) problems.push({ path: "--out", message: `there is no folder ${folder}` });
  problems.push(...outputProblems(flags, runtime));
  if (problems.length > 0) throw usageError(problems);
}

interface Chosen {
  chosen: ChosenTarget<OperationSpec>;
  thresholds: ThresholdInput[];
  cluster?: string;
}

async function ofUrl(flags: Values, runtime: Runtime): Promise<Chosen> {
  const { httpTarget } = await import("../src/load/targets/http.ts");
  const body = flags.body === undefined ? undefined : { file: flags.body, bytes: await readInput(runtime, "--body", flags.body) };
  const chosen = httpTarget({ url: flags.url!, method: flags.method, headers: flags.header, body });
  return { chosen, thresholds: thresholdsOf(flags, []) };
}

async function ofCluster(flags: Values, context: CommandContext): Promise<Chosen> {
  const { runtime, globals, note } = context;
  const cluster = await resolveCluster(runtime, globals);
  note(clusterLine(runtime, cluster));
  if (cluster.protected && !(cluster.maxRate !== undefined && flags.rps <= cluster.maxRate))
    await confirmProtected(context, cluster, `load of ${formatRate(flags.rps)}`, flags.confirm);
  const [{ searchTarget }, { parseQueries }] = await Promise.all([
    import("../src/load/targets/search.ts"),
    import("../src/load/feeds/query-file.ts"),
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
  return { chosen, thresholds: thresholdsOf(flags, objectiveThresholds(cluster.objectives)), cluster: cluster.name };
}

function thresholdsOf(flags: Values, objectives: ThresholdInput[]): ThresholdInput[] {
  if (flags.threshold.length > 0) return flags.threshold.map((expression) => ({ expression, source: "flag" }));
  return objectives.length > 0 ? objectives : defaultThresholds;
}

function specOf(flags: Values, operation: OperationSpec, thresholds: ThresholdInput[]): LoadSpec {
  return singleScenario(
    {
      executor: {
        kind: "constant-arrival-rate",
        ratePerSec: flags.rps,
        warmupUs: flags.warmup * 1000,
        durationUs: flags.duration * 1000,
      },
      operation,
      workers: flags.workers,
      timeoutUs: flags.timeout * 1000,
      maxInFlight: flags.maxInFlight ?? Math.max(1000, Math.ceil(2 * flags.rps)),
      seed: flags.seed,
    },
    { thresholds },
  );
}

function exitCodeOf(result: LoadResult, runtime: Runtime): ExitCode {
  if (result.interrupted) {
    const { reason } = runtime.signal;
    return reason instanceof Interrupted && reason.signalName === "SIGTERM" ? ExitCode.terminated : ExitCode.interrupted;
  }
  const byVerdict = { pass: ExitCode.ok, fail: ExitCode.failed, inconclusive: ExitCode.inconclusive };
  return byVerdict[result.verdict];
}

async function readInput(runtime: Runtime, path: string, file: string): Promise<Buffer> {
  try {
    return await readFile(resolve(runtime.cwd, file));
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    throw usageError([{ path, message: `${file} cannot be read${code ? ` (${code})` : ""}` }]);
  }
}

async function writeOut(file: string, result: LoadResult): Promise<void> {
  try {
    await writeFile(file, `${JSON.stringify(result)}\n`);
  } catch (error) {
    throw usageError([{ path: "--out", message: `${file} cannot be written: ${(error as Error).message}` }]);
  }
}

/** For stdout: the histograms are for files and comparisons. */
function withoutHistograms(result: LoadResult): LoadResult {
  const windows = result.windows.map((window) => {
    const shown = { ...window };
    delete shown.responseHistogram;
    return shown;
  });
  const { histograms: _, ...shown } = result;
  return { ...shown, windows };
}
