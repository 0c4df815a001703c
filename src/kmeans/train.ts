import type { FitDeps, FitSpec } from "./contract.ts";
import type { Centroids } from "./centroids.ts";
import { rngFor } from "./choose.ts";
import { lloyd } from "./lloyd.ts";
import { miniBatch } from "./minibatch.ts";
import type { Points } from "./points.ts";
import { chooseStart } from "./start/index.ts";

/** How a fit went. */
export interface Training {
  iterations: number;
  /** Of the distances that go without bounds would have taken; 1 for mini-batch. */
  distancesShare: number;
  converged: boolean;
}

/** Rows that starts choose from: three batches, as in scikit-learn, and enough for every shard to be seen. */
function startRows({ batch, shards }: FitSpec): number {
  return Math.max(3 * batch, 50 * shards);
}

/** Start, and the algorithm after it; `balanced` begins as Lloyd does. */
export async function train(points: Points, centroids: Centroids, spec: FitSpec, deps: FitDeps): Promise<Training> {
  const { seed, restarts, batch, maxIterations } = spec;
  const { signal, onProgress } = deps;
  const stepsOf = (phase: "start" | "train") => ({
    ...(signal && { signal }),
    ...(onProgress && { onStep: (done: number, total: number) => onProgress(phase, done, total) }),
  });
  await chooseStart(points, centroids, { seed, restarts, rows: startRows(spec), ...stepsOf("start") });
  if (spec.algorithm !== "minibatch") return await lloyd(points, centroids, { maxIterations }, stepsOf("train"));
  const options = { rng: rngFor(seed, "batches"), ...stepsOf("train") };
  const iterations = await miniBatch(points, centroids, { batch, maxIterations }, options);
  return { iterations, distancesShare: 1, converged: true };
}
