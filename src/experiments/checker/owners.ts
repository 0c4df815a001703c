import type { ClusterClient, StoredRecord } from "../../cluster/contract.ts";
import { createRouting, type Routing } from "../../sharding/owners.ts";

/** Who must have a key. */
export interface Owners {
  /** Nodes that may have one of these keys, by id: they are all asked. */
  of(key: string): readonly string[];
  /** Which of them must have it, once it is known what they have: where a key is may depend on its vector. */
  among(key: string, copies: ReadonlyMap<string, StoredRecord | undefined>): readonly string[];
  /** Of the table: nodes that own something and do not serve. */
  readonly notServing: readonly string[];
}

/** By the routing table of this moment; on a native cluster every node answers for every key. */
export async function ownersNow(client: ClusterClient, collection: string): Promise<Owners> {
  const table = await client.table(collection);
  if (!table) {
    const all = client.cluster.nodes.map(({ id }) => id);
    return { of: () => all, among: () => all, notServing: [] };
  }
  const routing = createRouting(table);
  const ids = (nodes: readonly number[]) => nodes.map((node) => routing.nodeIds[node]!);
  const owning = new Set(routing.sets.flatMap(({ owners }) => owners));
  const serving = new Set(routing.sets.flatMap(({ read }) => read));
  const byKey = (key: string) => ids(routing.setAt(routing.stamper.stamp(key).position).read);
  return {
    of: routing.elsewhere ? () => ids(routing.everywhere) : byKey,
    among: routing.elsewhere ? (_key, copies) => ownersOfNewest(routing, copies).map((node) => routing.nodeIds[node]!) : byKey,
    notServing: ids([...owning].filter((node) => !serving.has(node))),
  };
}

/** The owners of the cell in which the newest copy says it is; everybody, where there is none. */
function ownersOfNewest(routing: Routing, copies: ReadonlyMap<string, StoredRecord | undefined>): readonly number[] {
  let newest: StoredRecord | undefined;
  for (const copy of copies.values()) if (copy && (copy.version ?? 0) >= (newest?.version ?? -1)) newest = copy;
  const place = newest && routing.placeOf(newest.payload);
  return place ? routing.setAt(place.position, place.to).read : routing.everywhere;
}
