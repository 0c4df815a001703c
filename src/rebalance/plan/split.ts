import { usageError } from "../../errors.ts";
import { cellsOf, fit, nameModel, partitionerCells, readPoints, type FitDeps, type SemanticModel } from "../../kmeans/index.ts";
import { splitCell } from "../../planning/rebalance-contract.ts";
import { plural } from "../../units.ts";
import type { CollectionRows } from "../collection.ts";
import { fitSpec } from "../fit-spec.ts";
import { inMemory } from "../sources.ts";

/** Fewer rows of a cell than this say nothing of where to part it. */
const leastRows = 20;

/**
 * The model in which one cell has become two: 2-means of the sample's rows in it. All others keep their numbers, so only its points can move.
 * @throws RagctlError exit 2 where there is no such cell, or the sample holds too little of it to part
 */
export async function splitModel(
  model: SemanticModel,
  cell: number,
  collection: CollectionRows,
  seed: number,
  deps: FitDeps & { threads: number },
): Promise<SemanticModel> {
  const { metric, dim } = model;
  if (cell >= model.shards.length)
    throw usageError([{ path: "--split", message: `there is no cell ${cell}: the model has 0 to ${model.shards.length - 1}` }], {
      code: "no-such-cell",
    });
  const rows = await rowsIn(model, cell, collection, deps);
  if (rows.length < leastRows)
    throw usageError(
      [{ path: "--split", message: `cell ${cell} has ${plural(rows.length, "row")} in the sample: too few to part it` }],
      { hint: "Read more points: --sample all." },
    );
  const { model: halves } = await fit(
    inMemory(collection.path, rows),
    fitSpec({ shards: 2, algorithm: "lloyd", metric, seed }),
    "collection",
    deps,
  );
  const [first, second] = partitionerCells(halves).centroids;
  const { centroids, offsets } = splitCell(partitionerCells(model), cell, [first!, second!], "");
  return nameModel({
    metric,
    dim,
    centroids: Float32Array.from(centroids.flat()),
    ...(offsets && { offsets: Float64Array.from(offsets) }),
    spill: null,
    training: { ...model.training, source: { kind: "collection", name: collection.path } },
    shards: centroids.map(() => ({ size: 0, inertia: 0, radius: 0 })),
  });
}

async function rowsIn(
  model: SemanticModel,
  cell: number,
  collection: CollectionRows,
  deps: FitDeps & { threads: number },
): Promise<Float32Array[]> {
  const points = await readPoints(collection, model.metric, undefined, deps);
  try {
    const { cell: cells } = await cellsOf(points, model);
    const vectors = await collection.rowsOf(0, collection.rows);
    return vectors.filter((_, row) => cells[row] === cell);
  } finally {
    await points.pool.close();
  }
}
