import { ExitCode, RagctlError, usageError } from "../errors.ts";
import type { Metric, SemanticModel } from "../kmeans/index.ts";

/** What a model must fit. */
export interface ModelTarget {
  /** For messages: a file, `collection docs`. */
  name: string;
  dim: number;
  metric: Metric;
  /** Of a live collection: a model that was fitted to another one is refused. */
  collection?: string;
}

/**
 * @param file the model's, for messages
 * @throws RagctlError exit 2 where the model has another dimension or metric, 7 where it was fitted to another collection
 */
export function checkModel(model: SemanticModel, file: string, target: ModelTarget): void {
  const { dim, metric, training } = model;
  const problems = [];
  if (dim !== target.dim) problems.push({ file, message: `has ${dim} dimensions, ${target.name} has ${target.dim}` });
  if (metric !== target.metric)
    problems.push({ file, message: `was fitted by ${metric}, ${target.name} compares by ${target.metric}` });
  if (problems.length > 0)
    throw usageError(problems, { code: "model-mismatch", hint: `Fit one to it: ragctl rebalance fit --metric ${target.metric}` });
  const { kind, name } = training.source;
  if (target.collection !== undefined && kind === "collection" && name !== target.collection)
    throw new RagctlError(`${file} was fitted to collection ${name}, not to ${target.collection}: nothing was done.`, {
      code: "model-of-another-collection",
      exitCode: ExitCode.refused,
      hint: `ragctl rebalance fit --collection ${target.collection} fits one to it`,
    });
}
