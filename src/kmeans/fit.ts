import { availableParallelism } from "node:os";
import { usageError } from "../errors.ts";
import { formatCount, plural } from "../units.ts";
import { assess, emptyTally, type Tally } from "./assess.ts";
import { balance } from "./balance/index.ts";
import { type Centroids, makeCentroids, plainRows } from "./centroids.ts";
import { chooseRows, rngFor } from "./choose.ts";
import type { FitDeps, FitSpec, RowSource } from "./contract.ts";
import type { KernelVariant } from "./kernel/contract.ts";
import { countDistinct } from "./distinct.ts";
import { type ModelDraft, nameModel, type SemanticModel } from "./model.ts";
import type { Nearest } from "./nearest.ts";
import { emptyPoints, preparePoints, readPoints, stretchRows, type Points } from "./points.ts";
import { chooseSpill, spillRatios } from "./spill.ts";
import { train } from "./train.ts";

export interface Fit {
  model: SemanticModel;
  /** Reading the sample; what follows it. */
  readSeconds: number;
  seconds: number;
  /** Of the distances that going without bounds would have computed while training. */
  distancesShare: number;
  /** Largest shard ÷ mean. */
  maxOverMean: number;
  /** Standard deviation of the squared distances. */
  deviation: number;
  /** How the kernel multiplies and adds. */
  variant: KernelVariant;
  warnings: string[];
}

/**
 * Fits cells to vectors: reads a sample, fits, and then assigns every row of the source, a stretch at a time. The same rows and the same spec give the same model,
 * bit for bit, whatever the number of threads.
 * @throws RagctlError (exit 2): more shards than different vectors, or what the source says of its rows
 */
export async function fit(source: RowSource, spec: FitSpec, kind: "file" | "collection", deps: FitDeps): Promise<Fit> {
  checkSpec(source, spec);
  const { clock, signal, onProgress } = deps;
  const startedUs = clock.monotonicUs();
  const whole = spec.sample === "all" || spec.sample >= source.rows;
  const chosen = whole ? undefined : chooseRows(source.rows, spec.sample as number, rngFor(spec.seed, "sample"));
  const points = await readPoints(source, spec.metric, chosen, { ...deps, threads: deps.threads ?? availableParallelism() });
  const readUs = clock.monotonicUs();
  try {
    checkDistinct(source, points, spec);
    const centroids = makeCentroids(points, spec.shards);
    const training = await train(points, centroids, spec, deps);
    const heat = spec.heat && (chosen ? Float64Array.from(chosen, (row) => spec.heat![row]!) : spec.heat);
    const balanced =
      spec.algorithm === "balanced"
        ? await balance(points, centroids, { epsilon: spec.epsilon, seed: spec.seed, ...(heat && { heat }) }, deps)
        : undefined;
    const tally = emptyTally(spec.shards);
    const ratios = spec.spill && new Float32Array(source.rows);
    await assignAll(source, points, centroids, tally, whole, ratios, {
      ...(signal && { signal }),
      ...(onProgress && { onProgress }),
    });
    const spill = spec.spill && ratios ? chooseSpill(ratios, spec.spill) : null;
    const inertia = tally.inertias.reduce((sum, value) => sum + value, 0);
    const draft: ModelDraft = {
      metric: spec.metric,
      dim: source.dim,
      centroids: plainRows(points, centroids),
      ...(centroids.offsets.some((offset) => offset !== 0) && { offsets: centroids.offsets }),
      spill,
      training: {
        algorithm: spec.algorithm,
        seed: spec.seed,
        restarts: spec.restarts,
        epsilon: balanced ? spec.epsilon : null,
        iterations: training.iterations,
        rows: source.rows,
        sample: points.count,
        inertia,
        source: { kind, name: source.path },
      },
      shards: Array.from(tally.sizes, (size, c) => ({
        size,
        inertia: tally.inertias[c]!,
        radius: Math.sqrt(tally.farthest[c]!),
      })),
    };
    const maxOverMean = tally.sizes.reduce((most, size) => Math.max(most, size), 0) / (source.rows / spec.shards);
    return {
      model: nameModel(draft),
      readSeconds: (readUs - startedUs) / 1e6,
      seconds: (clock.monotonicUs() - readUs) / 1e6,
      distancesShare: training.distancesShare,
      variant: points.pool.variant,
      maxOverMean,
      deviation: Math.sqrt(Math.max(0, tally.fourth / source.rows - (inertia / source.rows) ** 2)),
      warnings: warningsOf(spec, tally, maxOverMean, whole),
    };
  } finally {
    await points.pool.close();
  }
}

/** Every row of the source to its cell: those in memory, or all of them in stretches. */
async function assignAll(
  source: RowSource,
  points: Points,
  centroids: Centroids,
  tally: Tally,
  whole: boolean,
  ratios: Float32Array | undefined,
  { signal, onProgress }: Pick<FitDeps, "signal" | "onProgress">,
): Promise<void> {
  const noteRatios = (of: Points, start: number) =>
    ratios && ((nearest: Nearest) => spillRatios(of, nearest, Math.min(of.count, ratios.length - start), ratios, start));
  if (whole) {
    await assess(points, centroids, points.count, tally, noteRatios(points, 0));
    return;
  }
  const { arena, pool, metric, dim, mean } = points;
  const staged: Points = { ...emptyPoints(arena, pool, metric, Math.min(stretchRows, source.rows), dim), mean };
  for (let start = 0; start < source.rows;) {
    signal?.throwIfAborted();
    const vectors = await source.rowsOf(start, stretchRows);
    if (vectors.length === 0) throw usageError([{ file: source.path, message: `ends at row ${start} of ${source.rows}` }]);
    for (const [i, vector] of vectors.entries()) staged.rows.values.set(vector, i * staged.width);
    await preparePoints(staged, vectors.length);
    await assess(staged, centroids, vectors.length, tally, noteRatios(staged, start));
    start += vectors.length;
    onProgress?.("assign", start, source.rows);
  }
}

function checkSpec({ rows, path, dim }: RowSource, { shards, sample, heat }: FitSpec): void {
  if (dim === 0) throw usageError([{ file: path, message: "holds texts, and vectors are wanted" }], { code: "dataset-invalid" });
  const available = sample === "all" ? rows : Math.min(rows, sample);
  if (shards > available)
    throw usageError(
      [{ path: "--shards", message: `${formatCount(shards)} shards cannot be made of ${plural(available, "vector")}` }],
      { code: "too-many-shards", hint: "Ask for fewer shards, or give more vectors." },
    );
  if (heat && heat.length !== rows)
    throw usageError([
      { path: "--heat", message: `holds ${plural(heat.length, "number")}, and ${path} has ${plural(rows, "row")}` },
    ]);
}

function checkDistinct({ path }: RowSource, points: Points, { shards, metric }: FitSpec): void {
  const distinct = countDistinct(points, Math.max(2, shards));
  if (distinct >= shards) return;
  const what = metric === "cosine" ? "direction" : "vector";
  const found =
    distinct === 1
      ? `all ${plural(points.count, "vector")} are ${metric === "cosine" ? "of one direction" : "equal"}`
      : `there are only ${distinct} different ${what}s in ${plural(points.count, "row")}`;
  throw usageError([{ file: path, message: `${plural(shards, "shard")} cannot be made: ${found}` }], {
    code: "too-few-distinct",
    hint: "Ask for fewer shards, or give vectors that differ.",
  });
}

function warningsOf({ algorithm, epsilon, shards }: FitSpec, { sizes }: Tally, maxOverMean: number, whole: boolean): string[] {
  const warnings: string[] = [];
  const empty = sizes.filter((size) => size === 0).length;
  if (empty > 0) warnings.push(`${plural(empty, "shard")} of ${shards} got no rows`);
  if (algorithm === "balanced" && maxOverMean > 1 + epsilon)
    warnings.push(
      `the largest shard is ${maxOverMean.toFixed(2)} × the mean, above 1 + ε = ${1 + epsilon}: ` +
        (whole ? "too many rows are the same, or nearly" : "the sample does not show every row; a larger one comes closer"),
    );
  return warnings;
}
