import { cellsOf, partitionerCells, storeDistance, type Points, type SemanticModel } from "../../kmeans/index.ts";
import type { Rng } from "../../runtime.ts";
import { hash32 } from "../../sharding/hash.ts";
import { flattenCentroids, nearestCells } from "../../sharding/semantic.ts";
import type { Arrangement, Layout } from "./contract.ts";

/** A model's cells: each query asks them nearest first, as the client does. */
export async function semanticLayout(
  name: string,
  model: SemanticModel,
  points: Points,
  queries: readonly ArrayLike<number>[],
): Promise<Arrangement> {
  const cells = model.shards.length;
  const { cell, second, ratio } = await cellsOf(points, model);
  const { spill } = model;
  const copy = spill && spill.share > 0 ? second.map((other, row) => (ratio[row]! <= spill.ratio ? other : -1)) : undefined;
  const division = { cells, own: cell, ...(copy && { copy }) };
  const centroids = flattenCentroids(partitionerCells(model));
  const orders = queries.map((query) => nearestCells(centroids, storeDistance[model.metric], query, cells));
  return { name, kind: "semantic", division, sizes: sizesOf(division), orders };
}

/** As many shards, the rows spread over them by their keys' hashes: whichever are asked first is as good as any other. */
export function hashLayout(
  name: string,
  shards: number,
  keyOf: (row: number) => string,
  rows: number,
  queries: number,
  rng: Rng,
): Arrangement {
  const hash = hash32("xxh32");
  const own = Int32Array.from({ length: rows }, (_, row) => Math.floor((hash(keyOf(row)) / 2 ** 32) * shards));
  const division = { cells: shards, own };
  const orders = Array.from({ length: queries }, () => {
    const first = Math.floor(rng() * shards);
    return Array.from({ length: shards }, (_, at) => (first + at) % shards);
  });
  return { name, kind: "hash", division, sizes: sizesOf(division), orders };
}

function sizesOf({ cells, own, copy }: Layout["division"]): Float64Array {
  const sizes = new Float64Array(cells);
  for (const cell of own) sizes[cell]!++;
  for (const cell of copy ?? []) if (cell >= 0) sizes[cell]!++;
  return sizes;
}

/** With its shards on nodes. Equal lists of owners are the same array. @param placed names of the owners of each; without nodes, each shard is one */
export function onNodes(
  arrangement: Arrangement,
  placed: readonly (readonly string[])[] | undefined,
  ids: readonly string[],
): Layout {
  if (!placed) {
    const each = Array.from(arrangement.sizes, (_, cell) => cell);
    return { ...arrangement, owners: each.map((cell) => [cell]), nodes: each.map((cell) => `shard ${cell}`) };
  }
  const known = new Map<string, number[]>();
  const owners = placed.map((names) => {
    const key = names.join(" ");
    let list = known.get(key);
    if (!list) known.set(key, (list = names.map((id) => ids.indexOf(id))));
    return list;
  });
  return { ...arrangement, owners, nodes: ids };
}
