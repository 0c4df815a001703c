import type { ClusterConfig } from "../../src/config/schema.ts";
import { ExitCode, usageError, type Problem } from "../../src/errors.ts";
import type { SemanticModel } from "../../src/kmeans/index.ts";
import type { CollectionRows } from "../../src/rebalance/collection.ts";
import { rebalancePlanSchema, type RebalancePlanResult } from "../../src/rebalance/plan/result.ts";
import type { SimulateResult } from "../../src/rebalance/simulate/result.ts";
import { rebalancePlanReport } from "../../src/report/rebalance-plan.ts";
import { parseFraction } from "../../src/units.ts";
import { defaultMaxRate } from "../../src/sharding/plan/price.ts";
import { defaultVirtualNodes, type PartitionerSpec } from "../../src/sharding/table.ts";
import { defineCommand, type CommandContext } from "../define.ts";
import { flag, type FlagSpec, type FlagValues } from "../flags.ts";
import { maxRateFlag } from "../max-rate.ts";
import { shellLine } from "../shell.ts";
import { openSource, phases, queriesOf, queryFlags, queryProblems, sampleFlag, type Source } from "./inputs.ts";

const probesFlag: FlagSpec<number | "all" | "auto" | undefined> = {
  kind: "value",
  placeholder: "n|auto|all",
  description:
    "cells that a search asks afterwards; auto: the least that reaches --target (default: all, so that nothing is missed)",
  parse(text) {
    const count = Number(text);
    if (text !== "all" && text !== "auto" && !(Number.isSafeInteger(count) && count > 0))
      throw new Error(`expected a whole number above zero, auto or all, got "${text}"`);
    return text === "all" || text === "auto" ? text : count;
  },
};

const spillFlag: FlagSpec<number | "off" | undefined> = {
  kind: "value",
  placeholder: "share|off",
  description:
    "in the place of a model: keep points near a boundary in their second cell too, at most this share of all; off: no longer",
  parse(text) {
    if (text === "off") return text;
    const share = parseFraction(text);
    if (!(share > 0 && share <= 1)) throw new Error(`expected a share above 0 and at most 1, such as 10%, or off, got "${text}"`);
    return share;
  },
};

const flags = {
  model: flag.file({ description: "of rebalance fit (default: model.json)" }),
  split: flag.count({ description: "in the place of a model: part this cell of the present one in two" }),
  spill: spillFlag,
  spillRatio: flag.number({ description: "of --spill: the second centroid at most so many times as far", default: 1.1 }),
  hash: flag.boolean({ description: "in the place of a model: back to a ring of hashes" }),
  blueGreen: flag.boolean({
    description: "build the new layout in a second collection on the same nodes, and switch once; they need room for both",
  }),
  collection: flag.collection({ description: "of the cluster (default: the config's, or the only one)" }),
  probes: probesFlag,
  ...queryFlags,
  sample: sampleFlag,
  seed: flag.count({ description: "of the sample and of --split", default: 1 }),
  threads: flag.positive({ description: "default: one a processor" }),
  maxRate: maxRateFlag("that the time is reckoned with"),
  out: flag.file({ description: "write the plan there, for rebalance apply", short: "o" }),
  detailedExitcode: flag.boolean({ description: "exit 10 where there is something to apply" }),
};
type Values = FlagValues<typeof flags>;

export default defineCommand({
  details:
    "From hashes to a model's cells, from one model to another (only points whose cell's nodes change are copied), one cell parted in two, or back to hashes; or copies of points near the boundaries of the present cells. Priced in " +
    "points, bytes, and what searches then find and touch; it changes nothing. Cells are placed whole, by what they hold and (with --queries) how often they are asked; as little moves as possible. Where the model is the present one, --probes alone changes. " +
    "On a native cluster the cells become the shard keys of a second collection, which takes the place of the first.",
  flags,
  examples: [
    [
      "ragctl rebalance plan --probes auto --queries log.jsonl -o plan.json",
      "to model.json; searches ask as many cells as 0.95 takes",
    ],
    ["ragctl rebalance plan --split 7 -o plan.json", "one cell is too large, or too hot"],
    [
      "ragctl rebalance plan --spill 10% --probes auto -o plan.json",
      "copies near boundaries of the present cells: fewer probes do",
    ],
    ["ragctl rebalance plan --hash -o plan.json", "back to hashing"],
    ["ragctl rebalance plan --blue-green -o plan.json", "everything anew beside what serves, and one switch"],
  ],
  resultSchema: rebalancePlanSchema,
  async run({ flags, given }, context) {
    const { runtime, note } = context;
    checkFlags(flags, given);
    const { readModel } = await import("../../src/rebalance/model-file.ts");
    const file = flags.model ?? "model.json";
    const fromFile =
      flags.hash || flags.split !== undefined || flags.spill !== undefined
        ? undefined
        : { file, model: readModel(runtime.cwd, file) };
    const source = await openSource({ ...flags, vectors: undefined }, 0, context);
    try {
      const { result, notes } = await made(source, fromFile, flags, context);
      for (const text of notes) note(text);
      return {
        result,
        exitCode: flags.detailedExitcode && result.changes ? ExitCode.changes : ExitCode.ok,
        next: nextOf(result, runtime.argv),
      };
    } finally {
      await source.close();
    }
  },
  human: rebalancePlanReport,
});

function checkFlags(flags: Values, given: ReadonlySet<string>): void {
  const problems: Problem[] = queryProblems(flags);
  const ways = [
    flags.model !== undefined && "--model",
    flags.split !== undefined && "--split",
    flags.spill !== undefined && "--spill",
    flags.hash && "--hash",
  ].filter((way) => way !== false);
  if (ways.length > 1) problems.push({ path: ways.join(" "), message: "give one of them" });
  if (flags.hash)
    for (const name of ["probes", "queries", "target"])
      if (given.has(name)) problems.push({ path: `--${name}`, message: "is of cells: --hash has none" });
  if (flags.blueGreen && flags.spill !== undefined)
    problems.push({ path: "--blue-green", message: "is of a change of placement: --spill is none" });
  if (given.has("spillRatio") && typeof flags.spill !== "number")
    problems.push({ path: "--spill-ratio", message: "goes with --spill and a share" });
  if (!(flags.spillRatio >= 1)) problems.push({ path: "--spill-ratio", message: "expected a number of 1 or more" });
  if (problems.length > 0) throw usageError(problems);
}

async function made(
  source: Source,
  fromFile: { file: string; model: SemanticModel } | undefined,
  flags: Values,
  context: CommandContext,
): Promise<{ result: RebalancePlanResult; notes: string[] }> {
  const { runtime } = context;
  const { cluster, collection } = source.live!;
  const [{ makeRebalancePlan }, { rebalancePlanResult }, { requireTable }, { nodesOfTable }, { saveText }, { planText }] =
    await Promise.all([
      import("../../src/rebalance/plan/make.ts"),
      import("../../src/rebalance/plan/result-of.ts"),
      import("../../src/rebalance/collection.ts"),
      import("../../src/planning/node-access.ts"),
      import("../../src/planning/save.ts"),
      import("../../src/planning/plan-text.ts"),
    ]);
  const table = requireTable(collection, cluster.name);
  const { availableParallelism } = await import("node:os");
  const threads = flags.threads ?? availableParallelism();
  const deps = { clock: runtime.clock, rng: runtime.rng, signal: runtime.signal, threads };
  const nodes = nodesOfTable(cluster, table, runtime.cwd);
  try {
    const line = await lineOf(flags, source, deps);
    const model = line ? line.model : await modelOf(fromFile, source, flags, deps);
    const notes: string[] = [];
    const predicted = model && (await predict(model, source, flags, context));
    if (predicted) notes.push(...predicted.notes);
    const probes =
      model &&
      (flags.probes === "auto" ? predicted!.result.recommendation.probes : flags.probes === "all" ? undefined : flags.probes);
    if (model && probes !== undefined && probes > model.shards.length)
      throw usageError([{ path: "--probes", message: `the model has ${model.shards.length} cells` }]);
    const ring: PartitionerSpec = { kind: "ring", virtualNodes: virtualNodesOf(cluster), hash: table.partitioner.hash };
    const { partitioner } = table;
    // What --spill is not told of the probes stays as it is.
    const now = line && flags.probes === undefined && partitioner.kind === "semantic" ? partitioner.probes : undefined;
    const asked = probes === undefined || probes === model?.shards.length ? now : probes;
    const request = {
      cluster,
      collection,
      to: model ? { model, owners: predicted!.result.layouts[0]!.owners!, ...(asked !== undefined && { probes: asked }) } : ring,
      maxRate: flags.maxRate ?? defaultMaxRate,
      ...(predicted && { expected: expectedOf(predicted.result, asked), heat: predicted.result.heat.shards }),
    };
    const { plan, notes: observed } = line
      ? await line.plan(request, { ...deps, nodes }, asked)
      : cluster.topology === "native"
        ? await (await import("../../src/rebalance/plan/make-native.ts")).makeNativePlan(request, { ...deps, cwd: runtime.cwd })
        : await makeRebalancePlan({ ...request, blueGreen: flags.blueGreen }, { ...deps, nodes });
    notes.push(...observed, ...sampleNotes(collection));
    if (model && asked === undefined && flags.probes === undefined) notes.push(probesNote(predicted!.result));
    if (!line && model?.spill && model.spill.share > 0)
      notes.push(
        "the model's copies near boundaries are another plan, once this one is applied: rebalance plan --spill; the figures are without them",
      );
    const file = flags.out === undefined ? null : saveText(runtime.cwd, flags.out, planText(plan));
    return { result: rebalancePlanResult(plan, { notes, file }), notes: [] };
  } finally {
    await nodes.close();
  }
}

/** Where the line for copies near boundaries lies, with the model that has them and the way to the plan; undefined: they are not asked for. */
async function lineOf(
  { spill, spillRatio: ratio }: Values,
  { live }: Source,
  deps: { clock: CommandContext["runtime"]["clock"]; signal: AbortSignal; threads: number },
) {
  if (spill === undefined) return undefined;
  const { cluster, collection } = live!;
  if (cluster.topology === "native")
    throw usageError([
      { path: "--spill", message: "is of routed clusters: the store of a native one keeps each point in one shard" },
    ]);
  const { makeSpillPlan, modelWithCopies, spillLine } = await import("../../src/rebalance/plan/spill.ts");
  const keep = spill !== "off";
  const line = await spillLine(collection, keep ? { budget: spill, ratio } : null, deps);
  type Request = Omit<Parameters<typeof makeSpillPlan>[0], "line" | "keep" | "probes">;
  return {
    model: modelWithCopies(collection, keep ? line : null),
    plan: (request: Request, planDeps: Parameters<typeof makeSpillPlan>[1], probes: number | undefined) =>
      makeSpillPlan({ ...request, line, keep, probes: probes ?? null }, planDeps),
  };
}

function virtualNodesOf({ routing }: ClusterConfig): number {
  return routing.virtualNodes ?? defaultVirtualNodes;
}

async function modelOf(
  fromFile: { file: string; model: SemanticModel } | undefined,
  { live, metric }: Source,
  { split, hash, seed }: Values,
  deps: { clock: CommandContext["runtime"]["clock"]; signal: AbortSignal; threads: number },
): Promise<SemanticModel | undefined> {
  const { collection } = live!;
  if (hash) return undefined;
  if (fromFile) {
    const { checkModel } = await import("../../src/rebalance/check-model.ts");
    const name = `collection ${collection.path}`;
    checkModel(fromFile.model, fromFile.file, { name, dim: collection.dim, metric: metric!, collection: collection.path });
    return fromFile.model;
  }
  const [{ modelOfTable }, { splitModel }] = await Promise.all([
    import("../../src/rebalance/table-model.ts"),
    import("../../src/rebalance/plan/split.ts"),
  ]);
  return await splitModel(modelOfTable(collection.table!), split!, collection, seed, deps);
}

/** What searches will find and touch, by a simulation on the sample. */
async function predict(
  model: SemanticModel,
  { live, metric, embedding }: Source,
  flags: Values,
  context: CommandContext,
): Promise<{ result: SimulateResult; notes: string[] }> {
  const { runtime } = context;
  const [{ runSimulation }, { nodesOfTable }] = await Promise.all([
    import("../../src/rebalance/simulate/run.ts"),
    import("../../src/rebalance/simulate/node-set.ts"),
  ]);
  const { collection } = live!;
  const progress = phases<string>(context, (phase) => ({ label: phase, unit: "rows" }));
  try {
    return await runSimulation(
      {
        cwd: runtime.cwd,
        rows: collection,
        metric: metric!,
        // Copies that the collection is to keep, or keeps now and goes on keeping.
        model: { name: "plan", model: { ...model, spill: flags.spill === undefined ? keptNow(model, collection) : model.spill } },
        shards: [],
        fit: {},
        ...queriesOf(flags),
        limit: flags.limit,
        embedding,
        nodes: nodesOfTable(collection.table!),
        k: flags.k,
        target: flags.target,
        ...(flags.probes !== "auto" && { probes: typeof flags.probes === "number" ? flags.probes : model.shards.length }),
        sample: "all",
        seed: flags.seed,
      },
      {
        clock: runtime.clock,
        signal: runtime.signal,
        onProgress: progress.update,
        ...(flags.threads !== undefined && { threads: flags.threads }),
      },
    );
  } finally {
    progress.end();
  }
}

function keptNow({ modelId }: SemanticModel, { table }: CollectionRows): SemanticModel["spill"] {
  const { partitioner, spill } = table!;
  const same = partitioner.kind === "semantic" && partitioner.modelId === modelId;
  return same && spill?.phase === "on" ? { ratio: spill.ratio, share: 1 } : null;
}

function expectedOf({ k, curve, heat }: SimulateResult, probes: number | undefined) {
  const { recall, nodesTouched } = curve[(probes ?? curve.length) - 1]!;
  return { k, probes: probes ?? null, recall, nodesTouched, heatMaxOverMean: heat.maxOverMean };
}

function sampleNotes({ rows, points }: CollectionRows): string[] {
  return rows < points
    ? [`recall and cells are by a sample of ${rows} of ${points} points, where neighbours lie farther apart than in all of them`]
    : [];
}

function probesNote({ curve, target }: SimulateResult): string {
  const { probes, recall } = curve.find((one) => one.recall >= target)!;
  return `searches ask all cells then, so that nothing is missed; --probes ${probes} would find ${(100 * recall).toFixed(1)} % of it`;
}

function nextOf(result: RebalancePlanResult, argv: readonly string[]): string[] {
  if (!result.changes) return [];
  return [
    result.file === null
      ? shellLine(["ragctl", ...argv, "-o", "plan.json"])
      : shellLine(["ragctl", "rebalance", "apply", result.file]),
  ];
}
