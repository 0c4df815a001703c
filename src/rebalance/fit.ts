import { fit, type Fit, type FitDeps, type FitSpec } from "../kmeans/index.ts";
import type { FitResult } from "../kmeans/result.ts";
import { checkModelPlace, writeModel } from "./model-file.ts";
import type { Rows } from "./sources.ts";

export interface FitPlace {
  cwd: string;
  /** Where the model goes. */
  out: string;
  /** Points of the collection that the rows are of. */
  points?: number;
}

/** Fits rows, and writes the model. @throws RagctlError (exit 2) for what is wrong with either */
export async function fitRows(
  rows: Rows,
  { cwd, out, points }: FitPlace,
  spec: FitSpec,
  deps: FitDeps,
): Promise<{ result: FitResult; warnings: string[] }> {
  checkModelPlace(cwd, out);
  const fitted = await fit(rows, spec, points === undefined ? "file" : "collection", deps);
  writeModel(cwd, out, fitted.model);
  return { result: resultOf(fitted, out, points), warnings: fitted.warnings };
}

function resultOf({ model, ...fitted }: Fit, file: string, points: number | undefined): FitResult {
  const { training, shards } = model;
  return {
    model: file,
    modelId: model.modelId,
    source: training.source.name,
    vectors: training.rows,
    sampling: points === undefined || points <= training.rows ? null : samplingOf({ model, ...fitted }, points),
    sample: training.sample,
    dim: model.dim,
    metric: model.metric,
    algorithm: training.algorithm,
    seed: training.seed,
    inertia: training.inertia,
    iterations: training.iterations,
    distancesShare: fitted.distancesShare,
    maxOverMean: fitted.maxOverMean,
    seconds: fitted.seconds,
    readSeconds: fitted.readSeconds,
    kernel: fitted.variant,
    spill: model.spill,
    shards: shards.map(({ size, inertia, radius }, id) => ({ id, size, share: size / training.rows, inertia, radius })),
  };
}

/** Two-sided, 95 %. */
const z95 = 1.96;

/** Errors of an even sample without replacement: the usual normal approximation, with the finite population's correction. */
export function samplingOf(
  { model, deviation }: Pick<Fit, "model" | "deviation">,
  points: number,
): NonNullable<FitResult["sampling"]> {
  const { rows, inertia } = model.training;
  const scale = z95 * Math.sqrt((points - rows) / (points - 1) / rows);
  const deviationOf = (share: number) => Math.sqrt(share * (1 - share));
  const shares = model.shards.map(({ size }) => size / rows);
  return {
    points,
    read: rows,
    shareError: scale * Math.max(...shares.map(deviationOf)),
    inertiaError: inertia > 0 ? (scale * deviation * rows) / inertia : 0,
    maxOverMeanError: scale * deviationOf(Math.max(...shares)) * shares.length,
  };
}
