import { resolve } from "node:path";
import { clusterLine, resolveCluster } from "../../src/config/resolve.ts";
import type { ClusterConfig } from "../../src/config/schema.ts";
import { ExitCode, RagctlError, usageError, type Problem } from "../../src/errors.ts";
import { cacheWarmReport, warmPlanLines, warmProgressNote } from "../../src/report/cache-warm.ts";
import { Interrupted } from "../../src/runtime.ts";
import { formatRate } from "../../src/units.ts";
import { parseBudget } from "../../src/warming/budget.ts";
import { worths, type PlanLimits } from "../../src/warming/contract.ts";
import type { WarmDeps, WarmRequest } from "../../src/warming/request.ts";
import { cacheWarmResultSchema, type CacheWarmResult } from "../../src/warming/result.ts";
import type { WarmSource } from "../../src/warming/source.ts";
import { confirmProtected } from "../confirm.ts";
import { defineCommand, type CommandContext } from "../define.ts";
import { flag, type FlagSpec, type FlagValues } from "../flags.ts";
import { shellLine } from "../shell.ts";
import { clusterInZone, zoneFlag } from "./zone.ts";

type Budget = Pick<PlanLimits, "queries" | "bytes" | "timeMs">;

const budget: FlagSpec<Budget[]> = {
  kind: "list",
  placeholder: "limit",
  parse: (text) => [parseBudget(text)],
  default: [],
  description: "memory (2GiB), time (10m) or queries (5000 queries); may be given again",
};

const flags = {
  from: flag.choice(["log", "popular", "file"], { description: "what was asked: a log, what the cache has counted, a list" }),
  log: flag.file({ description: "queries in order: JSONL or CSV with query, or one a line; with another --from: to judge by" }),
  file: flag.file({ description: "a list of queries, with count where it has one" }),
  heldOut: flag.fraction({ description: "the last part of the log, which judges the result", default: 0.2 }),
  top: flag.positive({ description: "so many queries at most" }),
  threshold: flag.positive({ description: "queries that were asked at least so often" }),
  budget,
  rankBy: flag.choice(worths, { description: "frequency × what a hit saves of this", default: "latency" }),
  tokenPrice: flag.number({ description: "of a million tokens (default: cache.prices of the config)" }),
  queryPrice: flag.number({ description: "of a question that misses, beside its tokens" }),
  tokensPerQuery: flag.count({ description: "where the log has no tokens" }),
  through: flag.choice(["cluster", "endpoint"], {
    description: "who answers: the cluster's own nodes, or the application",
    default: "cluster",
  }),
  endpoint: flag.string({ description: "a name under endpoints of the config (default: the only one)", placeholder: "name" }),
  field: flag.string({ description: "of the request to the endpoint that holds the question", placeholder: "name" }),
  ...zoneFlag,
  collection: flag.collection({ description: "collection to search (default: the config's, or the only one)" }),
  k: flag.positive({ description: "hits per search: what the application asks for (default: 10)" }),
  ef: flag.positive({ description: "hnsw_ef of each search" }),
  rate: flag.ratePerSec({ description: "at most", default: 500 }),
  objective: flag.positiveDurationMs({ description: "p99 of a search that must hold (default: the cluster's objective)" }),
  maxInFlight: flag.positive({ description: "questions under way at most", default: 64 }),
  noGuard: flag.boolean({ description: "at the full rate, however store and cache do" }),
  dryRun: flag.boolean({ description: "the plan alone; a few searches measure what a miss takes" }),
  resume: flag.string({ description: "go on with a run that was stopped", placeholder: "run" }),
  confirm: flag.string({ description: "the name of a protected cluster, where nobody can be asked", placeholder: "name" }),
};

type Values = FlagValues<typeof flags>;

export default defineCommand({
  details:
    "Fills the cache before traffic does. The plan ranks queries by how often they will come × what a hit saves, says which hit rate to expect and how long " +
    "it takes; the run answers and stores them, slows down when the store's p99 comes near its objective or the cache begins to evict, skips what is warm, " +
    "and tries again what fails. At the end the held-out part of the log is replayed without filling: the achieved hit rate stands beside the predicted.\n\n" +
    "Ctrl-C stops it, and --resume goes on.",
  flags,
  examples: [
    ["ragctl cache warm --log queries.jsonl --dry-run", "what would be warmed, and what would it bring?"],
    ["ragctl cache warm --log queries.jsonl --top 20000 --budget 2GiB --budget 10m", "within limits"],
    ["ragctl cache warm --from popular --threshold 5 --rate 50/s", "what the cache has counted, gently"],
    ["ragctl cache warm --file top.csv --through endpoint --endpoint ask", "through the application, which fills its own cache"],
  ],
  resultSchema: cacheWarmResultSchema,
  async run({ flags: values, given }, context) {
    const { runtime } = context;
    if (values.resume !== undefined) return await resumed(values.resume, given, context);
    const { request, limitsRate } = checked(values, given, context);
    const cluster = await clusterInZone(context, values.zone);
    context.note(clusterLine(runtime, cluster));
    if (!values.dryRun) await confirmRate(cluster, limitsRate, values.confirm, context);
    const { warm } = await import("../../src/warming/index.ts");
    const priced = { ...request, prices: pricesOf(values, cluster) };
    return await carriedOut(cluster, context, values.dryRun, (deps) => warm(priced, deps));
  },
  human: cacheWarmReport,
});

/** @throws RagctlError exit 2 with everything that is wrong with the flags */
function checked(
  values: Values,
  given: ReadonlySet<string>,
  { runtime }: CommandContext,
): { request: Omit<WarmRequest, "prices">; limitsRate: number } {
  const problems: Problem[] = [];
  const refuse = (path: string, message: string) => void problems.push({ path, message });
  const kind = values.from ?? (values.file === undefined ? "log" : "file");
  const path = (file: string | undefined) => (file === undefined || file === "-" ? file : resolve(runtime.cwd, file));
  const [log, file] = [path(values.log), path(values.file)];
  if (kind === "log" && log === undefined) refuse("--log", "give a query log, or say --from popular");
  if (kind === "file" && file === undefined) refuse("--file", "give a list of queries");
  if (kind !== "file" && file !== undefined) refuse("--file", `contradicts --from ${kind}`);
  if (log === "-" && file === "-") refuse("--file", "stdin can be read once");
  if (kind !== "log" && given.has("heldOut"))
    refuse("--held-out", "is a part of the log that is warmed from: the whole of another one judges");
  if (values.heldOut >= 1) refuse("--held-out", "expected a share below 1: something must be left to plan from");
  for (const [name, flagName] of [
    ["tokenPrice", "token-price"],
    ["queryPrice", "query-price"],
  ] as const)
    if ((values[name] ?? 0) < 0) refuse(`--${flagName}`, "expected a price of zero or more");
  const ofCluster = ["collection", "k", "ef"].filter((name) => given.has(name));
  const ofEndpoint = ["endpoint", "field"].filter((name) => given.has(name));
  for (const name of values.through === "endpoint" ? ofCluster : [])
    refuse(`--${name}`, "is for searches, and --through endpoint makes none of its own");
  for (const name of values.through === "endpoint" ? [] : ofEndpoint) refuse(`--${name}`, "needs --through endpoint");
  if (values.noGuard && given.has("objective")) refuse("--objective", "is what --no-guard does not mind");
  if (problems.length > 0) throw usageError(problems, { hint: "ragctl cache warm --help" });
  const source: WarmSource =
    kind === "log"
      ? { kind, file: log!, heldOutShare: values.heldOut }
      : { ...(kind === "file" ? { kind, file: file! } : { kind }), ...(log !== undefined && { replayLog: log }) };
  const rate = Math.max(1, values.rate);
  return {
    limitsRate: rate,
    request: {
      source,
      through:
        values.through === "endpoint"
          ? { kind: "endpoint", field: values.field ?? "query", ...(values.endpoint !== undefined && { name: values.endpoint }) }
          : {
              kind: "cluster",
              k: values.k ?? 10,
              ...(values.collection !== undefined && { collection: values.collection }),
              ...(values.ef !== undefined && { ef: values.ef }),
            },
      limits: limitsOf(values),
      rankBy: values.rankBy ?? "latency",
      ...(values.zone !== undefined && { zone: values.zone }),
      pace: {
        startPerSec: Math.min(20, rate),
        maxPerSec: rate,
        maxInFlight: values.maxInFlight,
        guard: !values.noGuard,
        ...(values.objective !== undefined && { objectiveMs: values.objective }),
      },
    },
  };
}

/** Flags before the config. */
function pricesOf({ tokenPrice, queryPrice, tokensPerQuery }: Values, { cache }: ClusterConfig): WarmRequest["prices"] {
  const { millionTokens = 0, query = 0, tokensPerQuery: usual = 0 } = cache?.prices ?? {};
  return { tokens: tokenPrice ?? millionTokens, query: queryPrice ?? query, tokensPerQuery: tokensPerQuery ?? usual };
}

/** Of several budgets of one kind the tightest counts. */
function limitsOf({ top, threshold, budget }: Values): PlanLimits {
  const limits: PlanLimits = { ...(top !== undefined && { top }), ...(threshold !== undefined && { threshold }) };
  for (const each of budget)
    for (const [name, value] of Object.entries(each) as [keyof Budget, number][])
      limits[name] = Math.min(limits[name] ?? Infinity, value);
  return limits;
}

async function confirmRate(
  cluster: ClusterConfig,
  rate: number,
  given: string | undefined,
  context: CommandContext,
): Promise<void> {
  if (!cluster.protected || (cluster.maxRate !== undefined && rate <= cluster.maxRate)) return;
  await confirmProtected(context, cluster, `warming at up to ${formatRate(rate)}`, given);
}

async function resumed(wanted: string, given: ReadonlySet<string>, context: CommandContext) {
  const { runtime, globals } = context;
  const others = [...given].filter((name) => name !== "resume" && name !== "confirm");
  if (others.length > 0)
    throw usageError([{ path: "--resume", message: `goes on with what the run's plan says: leave the other flags out` }]);
  const [{ readRun }, { clusterOfRun, resumeWarm }] = await Promise.all([
    import("../../src/runs/index.ts"),
    import("../../src/warming/index.ts"),
  ]);
  const { dir, summary } = readRun(runtime.stateDir, wanted);
  if (summary.state === "running")
    throw usageError([{ path: "--resume", message: `run ${summary.id} is under way (pid ${summary.pid})` }]);
  const cluster = await resolveCluster(runtime, { ...globals, cluster: globals.cluster ?? clusterOfRun(dir) });
  context.note(`${clusterLine(runtime, cluster)}; going on with ${summary.id}`);
  return await carriedOut(cluster, context, false, (deps) => resumeWarm(dir, deps));
}

/** One warming as a run: its record, its progress line, its exit code. */
async function carriedOut(
  cluster: ClusterConfig,
  context: CommandContext,
  dryRun: boolean,
  start: (deps: WarmDeps) => Promise<CacheWarmResult>,
) {
  const { runtime, note, warn, progress, style } = context;
  const { openRun } = await import("../../src/runs/index.ts");
  let run: ReturnType<typeof openRun> | undefined;
  let task: ReturnType<typeof progress.start> | undefined;
  const resumeOf = (id: string) => shellLine(["ragctl", "cache", "warm", "--resume", id]);
  try {
    const result = await start({
      cluster,
      runtime,
      warn,
      begin(plan, notes) {
        if (dryRun) return Promise.resolve(undefined);
        for (const line of [...warmPlanLines(plan, style), ...notes]) note(line);
        run = openRun(runtime, { command: "cache warm", cluster: cluster.name, resume: resumeOf("{id}"), warn });
        run.event({ kind: "step", name: "warm", phase: "start", detail: { queries: plan.queries } });
        task = progress.start("warm", { total: plan.queries, unit: "queries" });
        return Promise.resolve({ runId: run.id, dir: run.dir });
      },
      onProgress(now) {
        task?.update(now.done, warmProgressNote(now));
      },
    });
    task?.end();
    const exitCode = exitCodeOf(result, runtime.signal);
    const resume = result.runId !== null && canGoOn(result) ? resumeOf(result.runId) : undefined;
    run?.event({ kind: "step", name: "warm", phase: "end", detail: { warmed: result.warmed, failed: result.failed } });
    run?.end({ exitCode, result, state: result.stopped === "interrupted" ? "interrupted" : "done", ...(resume && { resume }) });
    return { result, exitCode, next: nextOf(result, resume, runtime.argv) };
  } catch (error) {
    task?.end();
    const stopped = runtime.signal.aborted;
    const exitCode = stopped ? interruptCode(runtime.signal) : error instanceof RagctlError ? error.exitCode : ExitCode.bug;
    run?.end({ exitCode, state: stopped ? "interrupted" : "failed", resume: resumeOf(run.id) });
    if (run) note(`what was stored stays; to go on: ${resumeOf(run.id)}`);
    throw error;
  }
}

function canGoOn({ stopped, failed }: CacheWarmResult): boolean {
  return failed > 0 || stopped === "interrupted" || stopped === "time";
}

function exitCodeOf({ stopped, failed }: CacheWarmResult, signal: AbortSignal) {
  if (stopped === "interrupted") return interruptCode(signal);
  return failed > 0 ? ExitCode.failed : ExitCode.ok;
}

function interruptCode({ reason }: AbortSignal): 130 | 143 {
  return reason instanceof Interrupted && reason.signalName === "SIGTERM" ? ExitCode.terminated : ExitCode.interrupted;
}

function nextOf(result: CacheWarmResult, resume: string | undefined, argv: readonly string[]): string[] {
  if (result.dryRun) return [shellLine(["ragctl", ...argv.filter((word) => word !== "--dry-run")])];
  return resume === undefined ? ["ragctl status"] : [resume];
}
