import { usageError } from "../../src/errors.ts";
import type { SemanticModel } from "../../src/kmeans/index.ts";
import type { CommandContext } from "../define.ts";
import type { Source } from "./inputs.ts";
import type { PlanFlags } from "./plan-flags.ts";

interface Deps {
  clock: CommandContext["runtime"]["clock"];
  signal: AbortSignal;
  threads: number;
}

/** Where the line for copies near boundaries lies, with the model that has them and the way to the plan; undefined: they are not asked for. */
export async function lineOf({ spill, spillRatio: ratio }: PlanFlags, { live }: Source, deps: Deps) {
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

/** The model that is asked for: of the file, or the present one with a cell in two; undefined: hashing. @throws RagctlError exit 2 or 7 where it does not fit */
export async function modelOf(
  fromFile: { file: string; model: SemanticModel } | undefined,
  { live, metric }: Source,
  { split, hash, seed }: PlanFlags,
  deps: Deps,
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
