import type { FitSpec } from "../kmeans/index.ts";

/** What `rebalance fit` does unless told otherwise. */
const fitDefaults = { algorithm: "minibatch", metric: "l2", seed: 1, epsilon: 0.1, restarts: 10, batch: 10_000 } as const;

/** A whole spec from what is given of it. */
export function fitSpec(given: Partial<FitSpec> & Pick<FitSpec, "shards">): FitSpec {
  const algorithm = given.algorithm ?? fitDefaults.algorithm;
  return { ...fitDefaults, sample: "all", maxIterations: algorithm === "minibatch" ? 100 : 300, ...given };
}
