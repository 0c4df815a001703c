import { fit, type FitSpec, type SemanticModel } from "../../kmeans/index.ts";
import type { CollectionRows } from "../collection.ts";
import { samplingOf } from "../fit.ts";
import { fitSpec } from "../fit-spec.ts";
import { nodesOfTable } from "../simulate/node-set.ts";
import { maxOverMean } from "../simulate/outcomes.ts";
import { runSimulation, type SimulateRequest, type SimulateRunDeps } from "../simulate/run.ts";
import type { SimulateResult } from "../simulate/result.ts";
import { semanticOf } from "../table-model.ts";
import { measureModel } from "./measure.ts";
import type { RebalanceDriftResult } from "./result.ts";
import { judgeDrift, type DriftLimits } from "./verdict.ts";

export interface DriftRequest extends Pick<SimulateRequest, "cwd" | "queries" | "limit" | "embedding" | "k" | "target" | "seed"> {
  cluster: string;
  rows: CollectionRows;
  /** Of the table. */
  model: SemanticModel;
  /** Its file, which knows what it was fitted to. */
  file?: SemanticModel;
  limits: DriftLimits;
}

/** A model as it was fitted, as it fits what is there now, and one fitted to that: whether to change. */
export async function measureDrift(
  request: DriftRequest,
  deps: SimulateRunDeps & { threads: number },
): Promise<{ result: RebalanceDriftResult; notes: string[] }> {
  const { cluster, rows, model, file, limits, k, target, seed } = request;
  const shards = model.shards.length;
  const table = rows.table!;
  const probes = semanticOf(table).probes ?? shards;
  const quiet = {
    ...deps,
    onProgress: (phase: string, done: number, total: number) => deps.onProgress?.(`refit: ${phase}`, done, total),
  };
  const now = await measureModel(model, rows, quiet);
  const inertia = now.inertias.reduce((sum, value) => sum + value, 0);
  const { model: refitted } = await fit(rows, refitSpec(file, model, seed), "collection", quiet);
  const { result: simulated, notes } = await runSimulation(
    {
      ...request,
      metric: model.metric,
      model: { name: "now", model },
      // Copies near boundaries, where they are kept, would be made again.
      others: [{ name: "refit", model: { ...refitted, spill: model.spill } }],
      shards: [],
      fit: {},
      nodes: nodesOfTable(table),
      sample: "all",
    },
    deps,
  );
  const [byNow, byRefit] = simulated.layouts;
  const side = (layout: SimulateResult["layouts"][number], inertiaPerPoint: number, sizes: ArrayLike<number>) => ({
    inertiaPerPoint,
    sizeMaxOverMean: maxOverMean(sizes),
    recall: layout.curve[Math.min(probes, layout.curve.length) - 1]!.recall,
    probes,
    probesForTarget: layout.at.probes,
    work: layout.at.work,
    heatMaxOverMean: layout.at.heatMaxOverMean,
  });
  const highAt = (count: number) => byNow!.curve[Math.min(count, shards) - 1]!.high;
  const doubt = { atProbes: highAt(probes), atRefits: highAt(byRefit!.at.probes) };
  const training = file?.training;
  const { sizes } = now;
  const drawn = {
    ...model,
    training: { ...model.training, rows: rows.rows, inertia },
    shards: Array.from(sizes, (size) => ({ size, inertia: 0, radius: 0 })),
  };
  const figures = {
    now: side(byNow!, inertia / rows.rows, sizes),
    refit: side(
      byRefit!,
      refitted.training.inertia / rows.rows,
      refitted.shards.map(({ size }) => size),
    ),
    // The whole of a collection is a sample, too, of what it will be asked to hold.
    sampleError: samplingOf({ model: drawn, deviation: now.deviation }, Math.max(rows.points, 2)).inertiaError,
  };
  return {
    notes,
    result: {
      cluster,
      collection: rows.path,
      modelId: model.modelId,
      points: rows.points,
      sample: rows.rows,
      k,
      queries: simulated.queries,
      target,
      fitted: training
        ? {
            points: training.rows,
            inertiaPerPoint: training.inertia / training.rows,
            sizeMaxOverMean: maxOverMean(file.shards.map(({ size }) => size)),
          }
        : null,
      ...figures,
      shards: Array.from(sizes, (size, id) => ({
        id,
        fittedShare: training ? file.shards[id]!.size / training.rows : null,
        share: size / rows.rows,
        heat: simulated.heat.shards[id]!,
        inertiaPerPoint: size > 0 ? now.inertias[id]! / size : 0,
      })),
      moved: training ? variation(file, sizes, rows.rows) : 0,
      ...judgeDrift({ ...figures, target }, doubt, limits),
    },
  };
}

/** As the model was fitted; where its file is not there, as fits are by default. */
function refitSpec(file: SemanticModel | undefined, { shards, metric, offsets }: SemanticModel, seed: number): FitSpec {
  const training = file?.training;
  return fitSpec({
    shards: shards.length,
    metric,
    seed,
    algorithm: training?.algorithm ?? (offsets ? "balanced" : "minibatch"),
    ...(training && { restarts: training.restarts, ...(training.epsilon !== null && { epsilon: training.epsilon }) }),
  });
}

/** Half the sum of the differences of shares. */
function variation({ shards, training }: SemanticModel, sizes: Float64Array, rows: number): number {
  return shards.reduce((sum, { size }, id) => sum + Math.abs(size / training.rows - sizes[id]! / rows), 0) / 2;
}
