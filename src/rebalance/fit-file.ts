import { resolve } from "node:path";
import { openDataset, type DatasetOptions } from "../datasets/index.ts";
import { fit, type Fit, type FitDeps, type FitSpec } from "../kmeans/index.ts";
import type { FitResult } from "../kmeans/result.ts";
import { checkModelPlace, writeModel } from "./model-file.ts";

export interface FitFiles {
  cwd: string;
  /** The vectors. */
  vectors: string;
  /** Where the model goes. */
  out: string;
  field?: string;
}

/** Fits a file of vectors, and writes the model. @throws RagctlError (exit 2) for what is wrong with either */
export async function fitFile(
  { cwd, vectors, out, field }: FitFiles,
  spec: FitSpec,
  deps: FitDeps,
): Promise<{ result: FitResult; warnings: string[] }> {
  checkModelPlace(cwd, out);
  const options: DatasetOptions = field === undefined ? {} : { field };
  const dataset = await openDataset(resolve(cwd, vectors), options);
  try {
    const source = {
      rows: dataset.rows,
      dim: dataset.dim,
      path: vectors,
      rowsOf: (start: number, count: number) => dataset.rowsOf(start, count),
    };
    const fitted = await fit(source, spec, "file", deps);
    writeModel(cwd, out, fitted.model);
    return { result: resultOf(fitted, out), warnings: fitted.warnings };
  } finally {
    await dataset.close();
  }
}

function resultOf({ model, ...fitted }: Fit, file: string): FitResult {
  const { training, shards } = model;
  return {
    model: file,
    modelId: model.modelId,
    source: training.source.name,
    vectors: training.rows,
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
