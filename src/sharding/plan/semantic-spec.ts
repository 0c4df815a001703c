import { usageError } from "../../errors.ts";
import { cellFieldOf, type HashName, type SemanticSpec } from "../table.ts";

/** What a model says of its cells; `partitionerCells` of the k-means room gives it. */
export interface ModelCells {
  modelId: string;
  /** One row a cell. */
  centroids: number[][];
  offsets?: number[];
}

/**
 * A model as a partitioner of a collection, with a payload field of its own.
 * @param hash that of the collection's present partitioner: cells are placed by it, and `_ragctl_h` stays what it is
 * @param probes cells that a search asks; absent: all
 */
export function semanticSpec(cells: ModelCells, { hash, probes }: { hash: HashName; probes?: number }): SemanticSpec {
  const { modelId, centroids, offsets } = cells;
  return {
    kind: "semantic",
    hash,
    modelId,
    centroids,
    ...(offsets && { offsets }),
    ...(probes !== undefined && { probes }),
    field: cellFieldOf(modelId),
  };
}

/**
 * A model in which one cell has become two: all others keep their number, centroid and place, the first half keeps the cell's number, and
 * the second gets a new one.
 * @param halves centroids of the two
 * @throws RagctlError exit 2 where there is no such cell, or a half of another dimension
 */
export function splitCell(
  cells: ModelCells,
  cell: number,
  halves: readonly [readonly number[], readonly number[]],
  modelId: string,
): ModelCells {
  const { centroids, offsets } = cells;
  const old = centroids[cell];
  if (!old)
    throw usageError([{ message: `There is no cell ${cell}: the model has 0 to ${centroids.length - 1}.` }], {
      code: "no-such-cell",
    });
  const wrong = halves.find((half) => half.length !== old.length);
  if (wrong)
    throw usageError([{ message: `A half has ${wrong.length} dimensions; the model has ${old.length}.` }], {
      code: "dimension-mismatch",
    });
  const rows = centroids.with(cell, [...halves[0]]);
  return {
    modelId,
    centroids: [...rows, [...halves[1]]],
    ...(offsets && { offsets: [...offsets, offsets[cell]!] }),
  };
}
