import { usageError, type Problem } from "../../src/errors.ts";
import { algorithms, metrics, type FitPhase, type FitSpec } from "../../src/kmeans/contract.ts";
import { fitResultSchema } from "../../src/kmeans/result.ts";
import { rebalanceFitReport } from "../../src/report/rebalance-fit.ts";
import { defineCommand, type CommandContext } from "../define.ts";
import { flag, type FlagSpec, type FlagValues } from "../flags.ts";

const sample: FlagSpec<number | "all"> = {
  kind: "value",
  placeholder: "n|all",
  description: "rows that the centroids are fitted on, chosen at random; all rows are assigned",
  default: "all",
  parse(text) {
    const count = Number(text.replaceAll("_", ""));
    if (text !== "all" && !(Number.isSafeInteger(count) && count > 0))
      throw new Error(`expected a whole number above zero, or all, got "${text}"`);
    return text === "all" ? text : count;
  },
};

const flags = {
  vectors: flag.file({ description: "npy, fvecs, hdf5, parquet, csv or jsonl" }),
  field: flag.string({ description: "the data set of an HDF5 file, the column of others (default: the first that fits)" }),
  shards: flag.positive({ description: "how many cells", required: true }),
  sample,
  algorithm: flag.choice(algorithms, {
    description: "balanced: no shard above 1 + ε times the mean",
    default: "minibatch",
  }),
  metric: flag.choice(metrics, { description: "as the collection compares", default: "l2" }),
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
    "Finds cells of similar vectors by k-means, so that a query need ask a few shards instead of all. Reads vectors, changes nothing, and writes a model " +
    "file: centroids, metric, and how the fit went. The inertia is the sum of squared distances over all rows, whatever the sample.",
  flags,
  examples: [
    ["ragctl rebalance fit --vectors x.npy --shards 16", "mini-batch k-means, to model.json"],
    ["ragctl rebalance fit --vectors x.npy --shards 16 --algorithm balanced --metric cosine", "no shard above 1.1 × the mean"],
    ["ragctl rebalance fit --vectors big.fvecs --shards 256 --sample 500000 -o big.json", "more than memory holds"],
  ],
  resultSchema: fitResultSchema,
  async run({ flags, given }, context) {
    const { runtime } = context;
    checkFlags(flags, given);
    const { fitFile } = await import("../../src/rebalance/fit-file.ts");
    const { readHeat } = await import("../../src/rebalance/heat-file.ts");
    const spec = specOf(flags);
    if (flags.heat !== undefined) spec.heat = readHeat(runtime.cwd, flags.heat);
    const progress = phases(context);
    try {
      const { result, warnings } = await fitFile(
        { cwd: runtime.cwd, vectors: flags.vectors!, out: flags.out, ...(flags.field !== undefined && { field: flags.field }) },
        spec,
        {
          clock: runtime.clock,
          signal: runtime.signal,
          onProgress: progress.update,
          ...(flags.threads !== undefined && { threads: flags.threads }),
        },
      );
      for (const warning of warnings) context.warn(warning);
      return { result };
    } finally {
      progress.end();
    }
  },
  human: rebalanceFitReport,
});

function checkFlags(flags: Values, given: ReadonlySet<string>): void {
  const problems: Problem[] = [];
  if (flags.vectors === undefined) problems.push({ path: "--vectors", message: "is required: the file to fit" });
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

function specOf({ shards, sample, metric, epsilon, restarts, batch, seed, ...flags }: Values): FitSpec {
  const algorithm = flags.algorithm!;
  const maxIterations = flags.iterations ?? (algorithm === "minibatch" ? 100 : 300);
  const spec: FitSpec = { shards, algorithm, metric: metric!, sample, epsilon, restarts, batch, seed, maxIterations };
  if (flags.spill !== undefined) spec.spill = { budget: flags.spill, ratio: flags.spillRatio };
  return spec;
}

/** One line of progress after the other, as the fit goes from phase to phase. */
function phases({ progress }: CommandContext) {
  let now: FitPhase | undefined;
  let task: ReturnType<typeof progress.start> | undefined;
  return {
    update: (phase: FitPhase, done: number, total: number) => {
      if (phase !== now) {
        task?.end();
        now = phase;
        task = progress.start(units[phase].label, { total, unit: units[phase].unit });
      }
      task!.update(done);
    },
    end: () => task?.end(),
  };
}
