import type { CallOptions, ClusterClient } from "../../cluster/contract.ts";
import { RagctlError } from "../../errors.ts";
import { hash32 } from "../../sharding/hash.ts";
import { field } from "../../sharding/table.ts";
import type { Filter } from "../../stores/contract.ts";

export interface Doubled {
  key: string;
  finding: "under two ids" | "counted twice";
  nodes: string[];
}

/**
 * Keys that are there more than once: on a node under another id besides their own, or in the cluster's own count of points. Counted by the indexed hash first, a
 * batch at a time, and narrowed down only where that is too many.
 * @param present by node: keys that it has under their own id
 */
export async function findDoubled(
  client: ClusterClient,
  collection: string,
  present: ReadonlyMap<string, readonly string[]>,
  options: CallOptions,
): Promise<Doubled[]> {
  const hashOf = await hashing(client, collection);
  const filterOf = (keys: readonly string[]): Filter => ({
    must: [
      { key: field.hash, match: { any: [...new Set(keys.map(hashOf))] } },
      { key: field.key, match: { any: [...keys] } },
    ],
  });
  const byKey = new Map<string, Doubled>();
  for (const [node, keys] of present) {
    const count = (some: readonly string[]) => unlessSilent(client.onNode(node).count(collection, filterOf(some), options));
    for (const key of await narrow(keys, count)) {
      const known = byKey.get(key);
      if (known) known.nodes.push(node);
      else byKey.set(key, { key, finding: "under two ids", nodes: [node] });
    }
  }
  const all = [...new Set([...present.values()].flat())].filter((key) => !byKey.has(key));
  const count = (some: readonly string[]) => unlessSilent(client.count(collection, filterOf(some), options));
  for (const key of await narrow(all, count)) byKey.set(key, { key, finding: "counted twice", nodes: [] });
  return [...byKey.values()];
}

/** Keys of which there are more than one, by halving where a count exceeds the keys. @param count undefined: nobody answers */
async function narrow(
  keys: readonly string[],
  count: (some: readonly string[]) => Promise<number | undefined>,
): Promise<string[]> {
  if (keys.length === 0) return [];
  const there = await count(keys);
  if (there === undefined || there <= keys.length) return [];
  if (keys.length === 1) return [...keys];
  const half = Math.ceil(keys.length / 2);
  return [...(await narrow(keys.slice(0, half), count)), ...(await narrow(keys.slice(half), count))];
}

async function unlessSilent(count: Promise<number>): Promise<number | undefined> {
  try {
    return await count;
  } catch (error) {
    if (error instanceof RagctlError) return undefined;
    throw error;
  }
}

/** The hash that the collection's points carry. */
async function hashing(client: ClusterClient, collection: string): Promise<(key: string) => number> {
  const table = await client.table(collection);
  const { hash } = client.cluster.routing;
  if (!table) return hash32(hash === "md5-128" ? "md5-32" : hash);
  const { createStamper } = await import("../../sharding/keys.ts");
  const stamper = createStamper(table.partitioner, table.vector.distance);
  return (key) => stamper.hashOf(key);
}
