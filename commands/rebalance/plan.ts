import type { ClusterConfig } from "../../src/config/schema.ts";
import { ExitCode, usageError } from "../../src/errors.ts";
import type { SemanticModel } from "../../src/kmeans/index.ts";
import type { CollectionRows } from "../../src/rebalance/collection.ts";
import { rebalancePlanSchema, type RebalancePlanResult } from "../../src/rebalance/plan/result.ts";
import type { SimulateResult } from "../../src/rebalance/simulate/result.ts";
import { rebalancePlanReport } from "../../src/report/rebalance-plan.ts";
import { defaultMaxRate } from "../../src/sharding/plan/price.ts";
import { defaultVirtualNodes, type PartitionerSpec } from "../../src/sharding/table.ts";
import { defineCommand, type CommandContext } from "../define.ts";
import { shellLine } from "../shell.ts";
import { openSource, type Source } from "./inputs.ts";
import { checkPlanFlags, planFlags, type PlanFlags } from "./plan-flags.ts";
import { lineOf, modelOf } from "./plan-model.ts";
import { expectedOf, predict } from "./plan-predict.ts";

export default defineCommand({
  details:
    "From hashes to a model's cells, from one model to another (only points whose cell's nodes change are copied), one cell parted in two, or back to hashes; or copies of points near the boundaries of the present cells. Priced in " +
    "points, bytes, and what searches then find and touch; it changes nothing. Cells are placed whole, by what they hold and (with --queries) how often they are asked; as little moves as possible. Where the model is the present one, --probes alone changes. " +
    "On a native cluster the cells become the shard keys of a second collection, which takes the place of the first.",
  flags: planFlags,
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
    const { runtime } = context;
    checkPlanFlags(flags, given);
    const { readModel } = await import("../../src/rebalance/model-file.ts");
    const file = flags.model ?? "model.json";
    const fromFile =
      flags.hash || flags.split !== undefined || flags.spill !== undefined
        ? undefined
        : { file, model: readModel(runtime.cwd, file) };
    const source = await openSource({ ...flags, vectors: undefined }, 0, context);
    try {
      const result = await made(source, fromFile, flags, context);
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

async function made(
  source: Source,
  fromFile: { file: string; model: SemanticModel } | undefined,
  flags: PlanFlags,
  context: CommandContext,
): Promise<RebalancePlanResult> {
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
    return rebalancePlanResult(plan, { notes, file });
  } finally {
    await nodes.close();
  }
}

function virtualNodesOf({ routing }: ClusterConfig): number {
  return routing.virtualNodes ?? defaultVirtualNodes;
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
