import { availableParallelism } from "node:os";
import { fit, type FitDeps, type FitSpec, type Metric, type SemanticModel } from "../../kmeans/index.ts";
import { fitSpec } from "../fit-spec.ts";
import { readQueries, type Embedding, type Rows } from "../sources.ts";
import { readData, sourceOf } from "./data.ts";
import type { NodeSet } from "./node-set.ts";
import type { SimulateResult } from "./result.ts";
import { simulate } from "./simulate.ts";

export interface SimulateRequest {
  cwd: string;
  /** What is searched. */
  rows: Rows;
  /** Of rows and models. */
  metric: Metric;
  /** A model that is there already. */
  model?: { name: string; model: SemanticModel };
  /** Others that are there already. */
  others?: readonly { name: string; model: SemanticModel }[];
  /** Models that are fitted now, to be seen beside it. */
  shards: readonly number[];
  fit: Partial<FitSpec>;
  queries?: { file: string; field?: string };
  /** Queries at most; without a file, rows held out. */
  limit: number;
  embedding: Embedding;
  nodes?: NodeSet;
  k: number;
  target: number;
  probes?: number;
  sample: number | "all";
  seed: number;
}

export interface SimulateRunDeps extends Omit<FitDeps, "onProgress"> {
  onProgress?: (phase: string, done: number, total: number) => void;
}

/** Reads rows and queries, fits what is to be fitted, and simulates. @throws RagctlError exit 2 for what is wrong with any of them */
export async function runSimulation(
  { cwd, rows, metric, model, shards, queries, limit, embedding, k, target, sample, seed, ...request }: SimulateRequest,
  deps: SimulateRunDeps,
): Promise<{ result: SimulateResult; notes: string[] }> {
  const { clock, signal, onProgress } = deps;
  const startedUs = clock.monotonicUs();
  const notes = [...rows.notes];
  const threads = deps.threads ?? availableParallelism();
  const fromFile = queries && (await readQueries(cwd, queries.file, { ...queries, dim: rows.dim, limit, seed, embedding }));
  if (fromFile) notes.push(...fromFile.notes);
  const data = await readData(rows, { metric, sample, seed, ...(!fromFile && { heldOut: limit }) }, { ...deps, threads });
  const { points, keyOf, heldOut } = data;
  try {
    const models = [...(model ? [model] : []), ...(request.others ?? [])];
    for (const count of shards) {
      const spec = fitSpec({ ...request.fit, shards: count, metric });
      const fitted = await fit(sourceOf(points, rows.path), spec, "file", {
        ...deps,
        onProgress: (phase, done, total) => onProgress?.(`fit ${count} shards: ${phase}`, done, total),
      });
      models.push({ name: `${count} shards`, model: fitted.model });
    }
    const result = await simulate(
      {
        points,
        keyOf,
        queries: fromFile?.queries ?? heldOut,
        models,
        ...(request.nodes && { nodes: request.nodes }),
        heat: fromFile !== undefined,
        k,
        target,
        ...(request.probes !== undefined && { probes: request.probes }),
        seed,
      },
      { ...(signal && { signal }), ...(onProgress && { onProgress: (done, total) => onProgress("search", done, total) }) },
    );
    if (points.count + (fromFile ? 0 : heldOut.vectors.length) < rows.rows)
      notes.push(
        `searched among a sample of ${points.count} of ${rows.rows} rows: neighbours lie farther apart there, which makes recall look lower than it is`,
      );
    return {
      result: {
        ...result,
        source: {
          vectors: rows.path,
          queries: fromFile?.from ?? `${heldOut.vectors.length} rows held out`,
        },
        seconds: (clock.monotonicUs() - startedUs) / 1e6,
      },
      notes,
    };
  } finally {
    await points.pool.close();
  }
}
