import { usageError, type Problem } from "../../src/errors.ts";
import { algorithms, metrics, type FitPhase, type FitSpec, type Metric } from "../../src/kmeans/contract.ts";
import { fitResultSchema } from "../../src/kmeans/result.ts";
import { rebalanceFitReport } from "../../src/report/rebalance-fit.ts";
import { defineCommand } from "../define.ts";
import { flag, type FlagValues } from "../flags.ts";
import { shellLine } from "../shell.ts";
import { openSource, phases, sourceFlags } from "./inputs.ts";

const flags = {
  ...sourceFlags,
  shards: flag.positive({ description: "how many cells", required: true }),
  algorithm: flag.choice(algorithms, {
    description: "balanced: no shard above 1 + ε times the mean",
    default: "minibatch",
  }),
  metric: flag.choice(metrics, { description: "of files (default: l2); a collection says how it compares" }),
  epsilon: flag.fraction({ description: "of balanced", default: 0.1 }),
  heat: flag.file({ description: "of balanced: how often each row is asked for, a number a line; its sums are kept even too" }),
  spill: flag.fraction({ description: "rows near a boundary are kept in a second cell too: at most this share of all" }),
  spillRatio: flag.number({ description: "near: the second centroid at most so many times as far", default: 1.1 }),
  restarts: flag.positive({ description: "starts (greedy k-means++), of which the best goes on", default: 10 }),
  iterations: flag.positive({ description: "passes over the sample at most (default: 100 of minibatch, else 300)" }),
  batch: flag.positive({ description: "rows a step of minibatch", default: 10_000 }),
  seed: flag.count({ description: "the same seed gives the same model", default: 1 }),
  threads: flag.positive({ description: "which do not change the model (default: one a processor)" }),
  out: flag.file({ description: "where the model goes", default: "model.json", short: "o" }),
};
type Values = FlagValues<typeof flags>;

const units: Record<FitPhase, { label: string; unit: string }> = {
  read: { label: "read", unit: "rows" },
  start: { label: "start", unit: "starts" },
  train: { label: "fit", unit: "steps at most" },
  balance: { label: "balance", unit: "rounds at most" },
  assign: { label: "assign", unit: "rows" },
};

export default defineCommand({
  details:
    "Finds cells of similar vectors by k-means, so that a query need ask a few shards instead of all. Reads a collection of the cluster, or a sample of it, or a " +
    "file; changes nothing, and writes a model file: centroids, metric, and how the fit went. The inertia is the sum of squared distances over all rows that were read; " +
    "of a collection's sample it is said what it leaves uncertain.",
  flags,
  examples: [
    ["ragctl rebalance fit --shards 16", "the collection of the cluster: a sample of 100,000 points"],
    ["ragctl rebalance fit --vectors x.npy --shards 16", "mini-batch k-means, to model.json"],
    ["ragctl rebalance fit --vectors x.npy --shards 16 --algorithm balanced --metric cosine", "no shard above 1.1 × the mean"],
    ["ragctl rebalance fit --vectors big.fvecs --shards 256 --sample 500000 -o big.json", "more than memory holds"],
  ],
  resultSchema: fitResultSchema,
  async run({ flags, given }, context) {
    const { runtime } = context;
    checkFlags(flags, given);
    const { fitRows } = await import("../../src/rebalance/fit.ts");
    const { checkModelPlace } = await import("../../src/rebalance/model-file.ts");
    checkModelPlace(runtime.cwd, flags.out);
    const heat =
      flags.heat === undefined ? undefined : (await import("../../src/rebalance/heat-file.ts")).readHeat(runtime.cwd, flags.heat);
    const source = await openSource(flags, 384, context);
    const progress = phases(context, (phase: FitPhase) => units[phase]);
    try {
      const { rows, live, metric } = source;
      for (const text of rows.notes) context.note(text);
      const spec = await specOf(flags, metric, heat, live !== undefined);
      const { result, warnings } = await fitRows(
        rows,
        { cwd: runtime.cwd, out: flags.out, ...(live && { points: live.collection.points }) },
        spec,
        {
          clock: runtime.clock,
          signal: runtime.signal,
          onProgress: progress.update,
          ...(flags.threads !== undefined && { threads: flags.threads }),
        },
      );
      for (const warning of warnings) context.warn(warning);
      const model = flags.out === "model.json" ? [] : ["--model", flags.out];
      return { result, next: live ? [shellLine(["ragctl", "rebalance", "simulate", ...model])] : [] };
    } finally {
      progress.end();
      await source.close();
    }
  },
  human: rebalanceFitReport,
});

function checkFlags(flags: Values, given: ReadonlySet<string>): void {
  const problems: Problem[] = [];
  if (flags.vectors === undefined) {
    if (flags.field !== undefined) problems.push({ path: "--field", message: "goes with --vectors" });
    if (flags.heat !== undefined)
      problems.push({ path: "--heat", message: "goes with --vectors: a number for each of its rows" });
    if (given.has("metric"))
      problems.push({ path: "--metric", message: "goes with --vectors: a collection says how it compares" });
  } else if (flags.collection !== undefined)
    problems.push({ path: "--collection", message: "is of a live cluster; --vectors asks none" });
  if (!(flags.epsilon > 0)) problems.push({ path: "--epsilon", message: "expected a share above zero, such as 0.1" });
  for (const name of ["epsilon", "heat"])
    if (given.has(name) && flags.algorithm !== "balanced")
      problems.push({ path: `--${name}`, message: "goes with --algorithm balanced" });
  if (given.has("batch") && flags.algorithm !== "minibatch")
    problems.push({ path: "--batch", message: "goes with --algorithm minibatch" });
  if (flags.spill !== undefined && !(flags.spill > 0 && flags.spill <= 1))
    problems.push({ path: "--spill", message: "expected a share above 0 and at most 1" });
  if (given.has("spillRatio") && flags.spill === undefined)
    problems.push({ path: "--spill-ratio", message: "goes with --spill" });
  if (!(flags.spillRatio >= 1)) problems.push({ path: "--spill-ratio", message: "expected a number of 1 or more" });
  if (problems.length > 0) throw usageError(problems);
}

async function specOf(
  { shards, epsilon, restarts, batch, seed, ...flags }: Values,
  metric: Metric | undefined,
  heat: Float64Array | undefined,
  live: boolean,
): Promise<FitSpec> {
  const { fitSpec } = await import("../../src/rebalance/fit-spec.ts");
  return fitSpec({
    shards,
    algorithm: flags.algorithm!,
    metric: metric ?? flags.metric ?? "l2",
    // Of a collection the sample is what was read, and all of that is fitted to.
    sample: live ? "all" : (flags.sample ?? "all"),
    epsilon,
    restarts,
    batch,
    seed,
    ...(flags.iterations !== undefined && { maxIterations: flags.iterations }),
    ...(flags.spill !== undefined && { spill: { budget: flags.spill, ratio: flags.spillRatio } }),
    ...(heat && { heat }),
  });
}
