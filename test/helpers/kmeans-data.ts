import { realClock, seededRng } from "../../src/runtime.ts";
import type { FitSpec, RowSource } from "../../src/kmeans/contract.ts";
import { normal } from "./sim-queue.ts";

export interface Blobs {
  rows: number;
  dim: number;
  clusters: number;
  /** Of a row around its centre; the centres' own is 1. */
  spread?: number;
  /** Exponent of a Zipf law of cluster sizes: 0, all alike. */
  skew?: number;
  seed?: number;
}

/** Rows around centres, and which centre each belongs to. */
export function blobs({ rows, dim, clusters, spread = 0.3, skew = 0, seed = 1 }: Blobs): {
  vectors: Float32Array[];
  cluster: number[];
} {
  const rng = seededRng(seed);
  const centres = Array.from({ length: clusters }, () => Float32Array.from({ length: dim }, () => normal(rng)));
  const weights = centres.map((_, c) => (c + 1) ** -skew);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const cluster: number[] = [];
  const vectors = Array.from({ length: rows }, () => {
    let rest = rng() * total;
    const c = Math.max(
      0,
      weights.findIndex((weight) => (rest -= weight) < 0),
    );
    cluster.push(c);
    return centres[c]!.map((value) => value + spread * normal(rng));
  });
  return { vectors, cluster };
}

export function sourceOf(vectors: readonly Float32Array[]): RowSource {
  return {
    path: "test.npy",
    rows: vectors.length,
    dim: vectors[0]?.length ?? 0,
    rowsOf: async (start, count) => vectors.slice(start, start + count),
  };
}

export function specOf(given: Partial<FitSpec> & { shards: number }): FitSpec {
  return {
    algorithm: "minibatch",
    metric: "l2",
    seed: 1,
    epsilon: 0.1,
    restarts: 3,
    sample: "all",
    maxIterations: 100,
    batch: 1000,
    ...given,
  };
}

/** One thread, so that a test starts none. */
export const alone = { clock: realClock, threads: 1 };
