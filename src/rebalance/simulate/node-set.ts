import { cellsOf, type Points, type SemanticModel } from "../../kmeans/index.ts";
import { placementOf } from "../../sharding/owners.ts";
import { membersOfLayout } from "../../sharding/plan/layout.ts";
import { hashedCells, placeCells } from "../../sharding/plan/place-cells.ts";
import type { HashName, RoutingTable } from "../../sharding/table.ts";
import { modelOfTable } from "../table-model.ts";
import type { Arrangement } from "./contract.ts";

/** The nodes that shards are placed on. */
export interface NodeSet {
  ids: readonly string[];
  replicas: number;
  /** Owners of each shard, as a plan would place them; of cells that are placed already, as they are. */
  place(
    arrangement: Arrangement,
    points: Points,
    known: { model?: SemanticModel | undefined; heat?: readonly number[] | undefined },
  ): Promise<string[][]>;
}

/** Nodes that are alike, with nothing known of them but their names. */
export function plainNodes(ids: readonly string[], replicas: number): NodeSet {
  const members = ids.map((id) => ({ id }));
  const hash = "xxh32";
  const place: NodeSet["place"] = ({ sizes, kind }, _points, { heat }) =>
    Promise.resolve(
      kind === "hash"
        ? hashedCells(sizes.length, { members, replicas, hash })
        : placeCells({ members, replicas, hash, sizes: [...sizes], ...(heat && { heat }) }),
    );
  return { ids, replicas, place };
}

/** The members of a table, with their weights and zones. From a table's own cells to others, each shard begins where most of it is. */
export function nodesOfTable(table: RoutingTable): NodeSet {
  const { members: ids, replicas, partitioner } = table;
  const members = membersOfLayout(table);
  const hash: HashName = partitioner.hash;
  const place: NodeSet["place"] = async ({ sizes, kind, division }, points, { model, heat }) => {
    // Hashing knows of no sizes, and has no owners but those of the ring.
    if (kind === "hash") return hashedCells(sizes.length, { members, replicas, hash });
    const placing = { members, replicas, hash, sizes: [...sizes], ...(heat && { heat }) };
    if (partitioner.kind !== "semantic" || !model) return placeCells(placing);
    const placement = placementOf(table);
    if (model.modelId === partitioner.modelId)
      return Array.from(sizes, (_, cell) => placement.ownersOfHash(cell)).map((owners) => owners.slice());
    const { cell: old } = await cellsOf(points, modelOfTable(table));
    const here = Array.from(sizes, () => new Map<string, number>());
    for (const [row, cell] of division.own.entries())
      for (const id of placement.ownersOfHash(old[row]!)) here[cell]!.set(id, (here[cell]!.get(id) ?? 0) + 1);
    return placeCells({ ...placing, here });
  };
  return { ids, replicas, place };
}
