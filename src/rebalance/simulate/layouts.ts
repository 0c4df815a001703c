import { cellsOf, partitionerCells, storeDistance, type Points, type SemanticModel } from "../../kmeans/index.ts";
import type { Rng } from "../../runtime.ts";
import { placementOf } from "../../sharding/owners.ts";
import { createPlacement, type Placement } from "../../sharding/placement.ts";
import { flattenCentroids, nearestCells } from "../../sharding/semantic.ts";
import { hash32 } from "../../sharding/hash.ts";
import type { HashName, PartitionerSpec, RoutingTable } from "../../sharding/table.ts";
import type { Layout } from "./contract.ts";

/** The nodes that shards are placed on. */
export interface NodeSet {
  ids: readonly string[];
  replicas: number;
  hash: HashName;
  placementOf(partitioner: PartitionerSpec): Placement;
}

/** Nodes that are alike, with nothing known of them but their names. */
export function plainNodes(ids: readonly string[], replicas: number): NodeSet {
  const members = ids.map((id) => ({ id }));
  return { ids, replicas, hash: "xxh32", placementOf: (partitioner) => createPlacement({ partitioner, members, replicas }) };
}

/** The members of a table, with their weights and zones. */
export function nodesOfTable(table: RoutingTable): NodeSet {
  return {
    ids: table.members,
    replicas: table.replicas,
    hash: table.partitioner.hash,
    placementOf: (partitioner) => placementOf({ ...table, partitioner }),
  };
}

/** A model's cells: each query asks them nearest first, as the client does. */
export async function semanticLayout(
  name: string,
  model: SemanticModel,
  points: Points,
  queries: readonly ArrayLike<number>[],
  nodes: NodeSet | undefined,
): Promise<Layout> {
  const cells = model.shards.length;
  const { cell, second, ratio } = await cellsOf(points, model);
  const { spill } = model;
  const copy = spill && spill.share > 0 ? second.map((other, row) => (ratio[row]! <= spill.ratio ? other : -1)) : undefined;
  const division = { cells, own: cell, ...(copy && { copy }) };
  const centroids = flattenCentroids(partitionerCells(model));
  const orders = queries.map((query) => nearestCells(centroids, storeDistance[model.metric], query, cells));
  return { name, kind: "semantic", division, sizes: sizesOf(division), orders, ...placed(cells, nodes) };
}

/** As many shards, the rows spread over them by their keys' hashes: whichever are asked first is as good as any other. */
export function hashLayout(
  name: string,
  shards: number,
  keyOf: (row: number) => string,
  rows: number,
  queries: number,
  nodes: NodeSet | undefined,
  rng: Rng,
): Layout {
  const hash = hash32("xxh32");
  const own = Int32Array.from({ length: rows }, (_, row) => Math.floor((hash(keyOf(row)) / 2 ** 32) * shards));
  const division = { cells: shards, own };
  const orders = Array.from({ length: queries }, () => {
    const first = Math.floor(rng() * shards);
    return Array.from({ length: shards }, (_, at) => (first + at) % shards);
  });
  return { name, kind: "hash", division, sizes: sizesOf(division), orders, ...placed(shards, nodes) };
}

function sizesOf({ cells, own, copy }: Layout["division"]): Float64Array {
  const sizes = new Float64Array(cells);
  for (const cell of own) sizes[cell]!++;
  for (const cell of copy ?? []) if (cell >= 0) sizes[cell]!++;
  return sizes;
}

/** Shards on nodes as a semantic table places its cells. Equal lists of owners are the same array. */
function placed(cells: number, nodes: NodeSet | undefined): Pick<Layout, "owners" | "nodes"> {
  if (!nodes) {
    const each = Array.from({ length: cells }, (_, cell) => cell);
    return { owners: each.map((cell) => [cell]), nodes: each.map((cell) => `shard ${cell}`) };
  }
  const { ids, hash } = nodes;
  const placement = nodes.placementOf({
    kind: "semantic",
    hash,
    modelId: "",
    centroids: Array.from({ length: cells }, () => [0]),
  });
  const known = new Map<readonly string[], number[]>();
  const owners = Array.from({ length: cells }, (_, cell) => {
    const names = placement.ownersOfHash(cell);
    let list = known.get(names);
    if (!list) known.set(names, (list = names.map((id) => ids.indexOf(id))));
    return list;
  });
  return { owners, nodes: ids };
}
