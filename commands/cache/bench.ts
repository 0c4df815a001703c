import { join } from "node:path";
import { clusterLine } from "../../src/config/resolve.ts";
import type { ClusterConfig } from "../../src/config/schema.ts";
import { ExitCode, RagctlError, usageError } from "../../src/errors.ts";
import type { ThresholdInput } from "../../src/load/contract.ts";
import { loadResultSchema, type LoadResult } from "../../src/load/result.ts";
import type { Profile } from "../../src/load/profile/schema.ts";
import { parseThreshold } from "../../src/load/thresholds.ts";
import { loadReport } from "../../src/report/load.ts";
import { formatRate, plural } from "../../src/units.ts";
import { confirmProtected } from "../confirm.ts";
import { defineCommand, type CommandContext } from "../define.ts";
import { flag, type FlagValues } from "../flags.ts";
import { clusterInZone, zoneFlag } from "./zone.ts";

const flags = {
  ...zoneFlag,
  rps: flag.ratePerSec({ description: "gets and sets a second, due whatever became of earlier ones", default: 1000 }),
  duration: flag.positiveDurationMs({ description: "of the measured part", default: 10_000 }),
  warmup: flag.durationMs({ description: "before it, in no count", default: 2000 }),
  writes: flag.fraction({ description: "share that are sets", default: 0.1 }),
  keys: flag.positive({ description: "distinct keys", default: 10_000 }),
  valueSize: flag.bytes({ description: "of each value", default: 4096 }),
  zipf: flag.number({ description: "exponent of the keys' popularity; 0: all alike", default: 1 }),
  ttl: flag.positiveDurationMs({ description: "of what is written", default: 300_000 }),
  cold: flag.boolean({ description: "begin with none of the keys; a get that misses is followed by a set" }),
  workers: flag.positive({ description: "threads that send", default: 1 }),
  timeout: flag.positiveDurationMs({ description: "per operation", default: 2000 }),
  threshold: flag.repeated({
    description: "get.responseTime:p99<5ms, set.responseTime:p99<10ms, errors<0.1%; may be given again",
    placeholder: "expression",
  }),
  seed: flag.count({ description: "repeats the choice of keys", default: 1 }),
  confirm: flag.string({ description: "the name of a protected cluster, where nobody can be asked", placeholder: "name" }),
};
type Values = FlagValues<typeof flags>;

/** As a profile is called; it comes from no file. */
const name = "cache bench";
const defaults = ["errors<0.1%"];

export default defineCommand({
  details:
    "Open-loop gets and sets through the cluster's cache, their keys by Zipf's law, from the intended start of each: the load engine's own figures, gets and sets apart. The keys " +
    "are written before, and removed afterwards. For a cache-aside of your own shape: ragctl load with a profile whose operation is cache; for memory in each server beside a shared Redis: ragctl load cache-placement.",
  flags,
  examples: [
    ["ragctl cache bench --rps 2000 --writes 20%", "gets and sets, four to one"],
    ["ragctl cache bench --value-size 64KiB --threshold 'get.responseTime:p99<5ms'", "large values, with a verdict"],
  ],
  resultSchema: loadResultSchema,
  async run({ flags }, context) {
    const { runtime, note, warn } = context;
    const thresholds = (flags.threshold.length > 0 ? flags.threshold : defaults).map((expression): ThresholdInput => {
      try {
        parseThreshold({ expression, source: "flag" });
      } catch (error) {
        if (error instanceof RagctlError) throw error;
        throw usageError([{ path: "--threshold", message: (error as Error).message }]);
      }
      return { expression, source: "flag" };
    });
    const profile = await profileOf(flags);
    const cluster = await clusterInZone(context, flags.zone);
    note(clusterLine(runtime, cluster));
    if (!cluster.cache) throw usageError([{ path: "cache", message: `cluster ${cluster.name} has no cache in its config` }]);
    if (cluster.protected) await confirmProtected(context, cluster, `${formatRate(flags.rps)} on the cache`, flags.confirm);
    const [{ runProfile }, { runTag }] = await Promise.all([
      import("../../src/load/profile/run.ts"),
      import("../../src/load/mixed/run-key.ts"),
    ]);
    const tag = runTag(Math.floor(runtime.rng() * 2 ** 32));
    const keys = Array.from({ length: flags.keys }, (_, item) => `load:${tag}:${item}`);
    const shared = cluster.cache.driver !== "memory";
    try {
      if (shared && !flags.cold) await fill(cluster, keys, flags, context);
      const { clock, rng, versions, platform, signal, hardSignal, cwd, stateDir, pid } = runtime;
      const result = await runProfile(
        { read: { profile, name, file: join(cwd, name), shownFile: name }, cluster, thresholds, tag, keepWrites: false },
        { clock, rng, versions, platform, signal, hardSignal, cwd, stateDir, pid, warn },
      );
      return { result: forStdout(result), exitCode: result.interrupted ? ExitCode.interrupted : exitCodes[result.verdict] };
    } finally {
      if (shared) await remove(cluster, keys, context);
    }
  },
  human: loadReport,
});

const exitCodes = { pass: ExitCode.ok, fail: ExitCode.failed, inconclusive: ExitCode.inconclusive };

/** Gets and sets as scenarios of their own: what a set takes says nothing of a get. */
async function profileOf({
  rps,
  duration,
  warmup,
  writes,
  keys,
  valueSize,
  zipf,
  ttl,
  cold,
  workers,
  timeout,
  seed,
}: Values): Promise<Profile> {
  if (!(zipf >= 0 && zipf <= 10)) throw usageError([{ path: "--zipf", message: "expected an exponent from 0 to 10" }]);
  const feed = zipf === 0 ? { choice: "uniform" } : { choice: "zipf", exponent: zipf };
  const scenario = (share: number, sets: boolean) => ({
    executor: "constant-arrival-rate",
    rate: `${rps * share}/s`,
    duration: `${duration}ms`,
    workers,
    feed,
    operation: {
      kind: "cache",
      keys,
      valueBytes: valueSize,
      ttl: `${ttl}ms`,
      writes: sets ? 1 : 0,
      fill: cold && !sets,
      standBy: false,
    },
  });
  const { profileSchema } = await import("../../src/load/profile/schema.ts");
  return profileSchema.parse({
    warmup: `${warmup}ms`,
    timeout: `${timeout}ms`,
    seed,
    scenarios: {
      ...(writes < 1 && { get: scenario(1 - writes, false) }),
      ...(writes > 0 && { set: scenario(writes, true) }),
    },
  });
}

async function fill(
  cluster: ClusterConfig,
  keys: readonly string[],
  { valueSize, ttl, seed }: Values,
  { runtime, note }: CommandContext,
): Promise<void> {
  const { fillKeys } = await import("../../src/cache/bench-keys.ts");
  const { clock } = runtime;
  const { written, tookMs, failure } = await fillKeys(cluster, { keys, valueBytes: valueSize, ttlMs: ttl, seed, clock });
  if (failure !== undefined)
    throw new RagctlError(`${written} of ${plural(keys.length, "key")} could be written: ${failure.message}`, {
      code: "cache-refused",
      exitCode: ExitCode.unreachable,
      hint: failure.hint ?? "fewer keys or smaller values, or --cold to begin without",
    });
  note(`${plural(written, "key")} written before, at ${formatRate((written / tookMs) * 1000)}`);
}

async function remove(cluster: ClusterConfig, keys: readonly string[], { runtime, warn }: CommandContext): Promise<void> {
  const { removeKeys } = await import("../../src/cache/bench-keys.ts");
  try {
    await removeKeys(cluster, keys, runtime.clock);
  } catch (error) {
    if (!(error instanceof RagctlError)) throw error;
    warn(`the benchmark's keys end by their TTL: ${error.message}`);
  }
}

/** Histograms and series are for files. */
function forStdout(result: LoadResult): LoadResult {
  const { histograms: _, series: _series, ...shown } = result;
  return shown;
}
