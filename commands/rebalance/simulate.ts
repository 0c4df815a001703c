import { usageError, type Problem } from "../../src/errors.ts";
import { algorithms, metrics } from "../../src/kmeans/contract.ts";
import type { SemanticModel } from "../../src/kmeans/index.ts";
import type { NodeSet } from "../../src/rebalance/simulate/node-set.ts";
import { simulateResultSchema, type SimulateResult } from "../../src/rebalance/simulate/result.ts";
import { rebalanceSimulateReport } from "../../src/report/rebalance-simulate.ts";
import { defineCommand, type CommandContext } from "../define.ts";
import { flag, type FlagSpec, type FlagValues } from "../flags.ts";
import { shellLine } from "../shell.ts";
import { writePage } from "../write-page.ts";
import { openSource, phases, queriesOf, queryFlags, queryProblems, sourceFlags, type Source } from "./inputs.ts";

const shardCounts: FlagSpec<number[]> = {
  kind: "list",
  placeholder: "n,…",
  description: "fit as many shards now, and show them beside the model: 16,32,64",
  default: [],
  parse: (text) =>
    text.split(",").map((part) => {
      const count = Number(part.trim());
      if (!Number.isSafeInteger(count) || count < 1)
        throw new Error(`expected whole numbers above zero such as 16,32, got "${text}"`);
      return count;
    }),
};

const flags = {
  ...sourceFlags,
  model: flag.file({ description: "of rebalance fit (default: model.json, unless --shards is given)" }),
  shards: shardCounts,
  ...queryFlags,
  probes: flag.positive({ description: "judge so many, instead of the least that reaches the target" }),
  nodes: flag.list({ description: "of files: place the shards on so many nodes, or on these", placeholder: "n|a,b,…" }),
  replicas: flag.positive({ description: "of --nodes: copies of each shard", default: 1 }),
  algorithm: flag.choice(algorithms, { description: "of --shards (default: the model's, else minibatch)" }),
  metric: flag.choice(metrics, { description: "of --shards on a file without a model", default: "l2" }),
  seed: flag.count({ description: "of samples and fits", default: 1 }),
  threads: flag.positive({ description: "default: one a processor" }),
  html: flag.file({ description: "write the answer as one self-contained page, too" }),
};
type Values = FlagValues<typeof flags>;

export default defineCommand({
  details:
    "Before anything moves: what recall do searches have that ask 1 … all shards, how many nodes do they touch, how uneven does the work become, and what is lost with a " +
    "node? Truth is by exact search; a tie counts as well as the row it ties with. Shown beside hashing, other numbers of shards, and adaptive probing. Changes nothing.",
  flags,
  examples: [
    ["ragctl rebalance simulate --queries log.jsonl", "model.json on the cluster's collection, with real queries"],
    ["ragctl rebalance simulate --vectors x.npy --model model.json --nodes 4", "no cluster; rows held out are the queries"],
    ["ragctl rebalance simulate --vectors x.npy --shards 16,32,64 --html recall.html", "how many shards should there be?"],
  ],
  resultSchema: simulateResultSchema,
  async run({ flags, given }, context) {
    const { runtime } = context;
    checkFlags(flags, given);
    const { readModel } = await import("../../src/rebalance/model-file.ts");
    const file = flags.model ?? (flags.shards.length > 0 ? undefined : "model.json");
    const model = file === undefined ? undefined : readModel(runtime.cwd, file);
    const source = await openSource(flags, model?.dim ?? 384, context);
    const progress = phases<string>(context, (phase) => ({ label: phase, unit: "done" }));
    try {
      const result = await simulated(source, model && { file: file!, model }, flags, context, progress.update);
      if (flags.html !== undefined) {
        const { rebalanceSimulateHtml } = await import("../../src/report/html/rebalance-simulate-html.ts");
        await writePage(flags.html, result, rebalanceSimulateHtml, context);
      }
      return { result, next: source.live && file !== undefined ? [nextLine(file, result)] : [] };
    } finally {
      progress.end();
      await source.close();
    }
  },
  human: rebalanceSimulateReport,
});

function checkFlags(flags: Values, given: ReadonlySet<string>): void {
  const problems: Problem[] = queryProblems(flags);
  if (flags.vectors === undefined) {
    if (flags.nodes.length > 0) problems.push({ path: "--nodes", message: "goes with --vectors: a live collection has nodes" });
    if (given.has("metric"))
      problems.push({ path: "--metric", message: "goes with --vectors: a live collection says how it compares" });
    if (flags.field !== undefined) problems.push({ path: "--field", message: "goes with --vectors" });
  } else if (flags.collection !== undefined)
    problems.push({ path: "--collection", message: "is of a live cluster; --vectors asks none" });
  if (given.has("replicas") && flags.nodes.length === 0) problems.push({ path: "--replicas", message: "goes with --nodes" });
  if (problems.length > 0) throw usageError(problems);
}

async function simulated(
  source: Source,
  given: { file: string; model: SemanticModel } | undefined,
  flags: Values,
  { runtime, note }: CommandContext,
  onProgress: (phase: string, done: number, total: number) => void,
): Promise<SimulateResult> {
  const [{ runSimulation }, { checkModel }] = await Promise.all([
    import("../../src/rebalance/simulate/run.ts"),
    import("../../src/rebalance/check-model.ts"),
  ]);
  const { rows, live, embedding } = source;
  const metric = source.metric ?? given?.model.metric ?? flags.metric!;
  const collection = live && { collection: rows.path };
  if (given) checkModel(given.model, given.file, { name: rows.path, dim: rows.dim, metric, ...collection });
  const nodes = await nodesOf(source, flags);
  const training = given?.model.training;
  const { result, notes } = await runSimulation(
    {
      cwd: runtime.cwd,
      rows,
      metric,
      ...(given && { model: { name: given.file, model: given.model } }),
      shards: flags.shards,
      fit: {
        seed: flags.seed,
        ...(training && {
          algorithm: training.algorithm,
          restarts: training.restarts,
          ...(training.epsilon !== null && { epsilon: training.epsilon }),
        }),
        ...(flags.algorithm && { algorithm: flags.algorithm }),
      },
      ...queriesOf(flags),
      limit: flags.limit,
      embedding,
      ...(nodes && { nodes }),
      k: flags.k,
      target: flags.target,
      ...(flags.probes !== undefined && { probes: flags.probes }),
      sample: live ? "all" : (flags.sample ?? "all"),
      seed: flags.seed,
    },
    { clock: runtime.clock, signal: runtime.signal, onProgress, ...(flags.threads !== undefined && { threads: flags.threads }) },
  );
  for (const text of notes) note(text);
  if (live && live.collection.points > rows.rows)
    note(`a sample of ${rows.rows} of ${live.collection.points} points was read: --sample all reads all`);
  return result;
}

/** The nodes that cells would be placed on: those of the table, or those that flags name. */
async function nodesOf({ live }: Source, { nodes, replicas }: Values): Promise<NodeSet | undefined> {
  const { nodesOfTable, plainNodes } = await import("../../src/rebalance/simulate/node-set.ts");
  if (live) return live.collection.table && nodesOfTable(live.collection.table);
  if (nodes.length === 0) return undefined;
  const count = nodes.length === 1 ? Number(nodes[0]) : Number.NaN;
  const ids = Number.isSafeInteger(count) && count > 0 ? Array.from({ length: count }, (_, at) => `n${at + 1}`) : nodes;
  if (replicas > ids.length)
    throw usageError([{ path: "--replicas", message: `${replicas} replicas need as many nodes; there are ${ids.length}` }]);
  return plainNodes(ids, replicas);
}

function nextLine(file: string, { recommendation: { probes, of } }: SimulateResult): string {
  const some = probes < of ? ["--probes", String(probes)] : [];
  return shellLine(["ragctl", "rebalance", "plan", "--model", file, ...some, "-o", "plan.json"]);
}
