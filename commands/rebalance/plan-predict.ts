import type { SemanticModel } from "../../src/kmeans/index.ts";
import type { CollectionRows } from "../../src/rebalance/collection.ts";
import type { SimulateResult } from "../../src/rebalance/simulate/result.ts";
import type { CommandContext } from "../define.ts";
import { phases, queriesOf, type Source } from "./inputs.ts";
import type { PlanFlags } from "./plan-flags.ts";

/** What searches will find and touch, by a simulation on the sample. */
export async function predict(
  model: SemanticModel,
  { live, metric, embedding }: Source,
  flags: PlanFlags,
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

/** What the plan says of it. @param probes undefined: all cells */
export function expectedOf({ k, curve, heat }: SimulateResult, probes: number | undefined) {
  const { recall, nodesTouched } = curve[(probes ?? curve.length) - 1]!;
  return { k, probes: probes ?? null, recall, nodesTouched, heatMaxOverMean: heat.maxOverMean };
}
