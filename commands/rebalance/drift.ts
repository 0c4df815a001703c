import { ExitCode, usageError, type Problem } from "../../src/errors.ts";
import { rebalanceDriftSchema, type RebalanceDriftResult } from "../../src/rebalance/drift/result.ts";
import { rebalanceDriftReport } from "../../src/report/rebalance-drift.ts";
import { defineCommand, type CommandContext } from "../define.ts";
import { flag, type FlagValues } from "../flags.ts";
import { shellLine } from "../shell.ts";
import { openSource, phases, queriesOf, queryFlags, queryProblems, sampleFlag, type Source } from "./inputs.ts";

const flags = {
  model: flag.file({ description: "the present model's file, to compare with what it was fitted to" }),
  collection: flag.collection({ description: "of the cluster (default: the config's, or the only one)" }),
  ...queryFlags,
  minGain: flag.fraction({ description: "what of the inertia, or of a query's work, a refit must save to pay", default: 0.1 }),
  minRecall: flag.fraction({ description: "or what it must add to the recall", default: 0.01 }),
  maxSkew: flag.number({
    description: "or, where the largest cell is above this ÷ mean, make it smaller by a tenth",
    default: 1.5,
  }),
  sample: sampleFlag,
  seed: flag.count({ description: "of the sample and the refit", default: 1 }),
  threads: flag.positive({ description: "default: one a processor" }),
};
type Values = FlagValues<typeof flags>;

export default defineCommand({
  details:
    "Compares the cells of a collection with what is in them now: sizes, inertia, heat, recall of recent queries; fits a model to what is there, and says with numbers whether " +
    "moving to it would pay. Changes nothing. Exits 4 when it would, so that a timer can tell.",
  flags,
  examples: [
    ["ragctl rebalance drift --queries yesterday.jsonl", "do the cells still fit?"],
    ["ragctl rebalance drift --model model.json", "and what has changed since they were fitted"],
  ],
  resultSchema: rebalanceDriftSchema,
  async run({ flags }, context) {
    const { runtime, note } = context;
    const problems: Problem[] = queryProblems(flags);
    if (!(flags.maxSkew >= 1)) problems.push({ path: "--max-skew", message: "expected a number of 1 or more" });
    if (problems.length > 0) throw usageError(problems);
    const source = await openSource({ ...flags, vectors: undefined }, 0, context);
    const progress = phases<string>(context, (phase) => ({ label: phase, unit: "done" }));
    try {
      const { result, notes } = await measured(source, flags, context, progress.update);
      for (const text of notes) note(text);
      return { result, exitCode: result.refitPays ? ExitCode.failed : ExitCode.ok, next: nextOf(result, runtime.argv) };
    } finally {
      progress.end();
      await source.close();
    }
  },
  human: rebalanceDriftReport,
});

async function measured(
  { live, embedding }: Source,
  flags: Values,
  { runtime }: CommandContext,
  onProgress: (phase: string, done: number, total: number) => void,
): Promise<{ result: RebalanceDriftResult; notes: string[] }> {
  const { cluster, collection: rows } = live!;
  const [{ measureDrift }, { modelOfTable }, { requireTable }, { readModel }, { availableParallelism }] = await Promise.all([
    import("../../src/rebalance/drift/drift.ts"),
    import("../../src/rebalance/table-model.ts"),
    import("../../src/rebalance/collection.ts"),
    import("../../src/rebalance/model-file.ts"),
    import("node:os"),
  ]);
  const model = modelOfTable(requireTable(rows, cluster.name));
  const file = flags.model === undefined ? undefined : readModel(runtime.cwd, flags.model);
  if (file && file.modelId !== model.modelId)
    throw usageError(
      [{ file: flags.model!, message: `is model ${file.modelId}; collection ${rows.path} is placed by ${model.modelId}` }],
      {
        code: "model-mismatch",
        hint: "Give the file of the model that was applied; or none.",
      },
    );
  return await measureDrift(
    {
      cluster: cluster.name,
      cwd: runtime.cwd,
      rows,
      model,
      ...(file && { file }),
      ...queriesOf(flags),
      limit: flags.limit,
      embedding,
      k: flags.k,
      target: flags.target,
      seed: flags.seed,
      limits: { inertia: flags.minGain, work: flags.minGain, recall: flags.minRecall, balance: flags.maxSkew },
    },
    { clock: runtime.clock, signal: runtime.signal, onProgress, threads: flags.threads ?? availableParallelism() },
  );
}

function nextOf({ refitPays, shards, collection }: RebalanceDriftResult, argv: readonly string[]): string[] {
  if (!refitPays) return [];
  const named = argv.includes("--collection") ? ["--collection", collection] : [];
  return [shellLine(["ragctl", "rebalance", "fit", ...named, "--shards", String(shards.length), "-o", "refit.json"])];
}
