import type { ClusterClient } from "../cluster/contract.ts";
import { ExitCode, RagctlError } from "../errors.ts";
import { rngFor, storeDistance, type Metric } from "../kmeans/index.ts";
import { field, type RoutingTable } from "../sharding/table.ts";
import type { Filter } from "../stores/contract.ts";
import { inMemory, type Rows } from "./sources.ts";

/** Points of a live collection, read for fitting and simulating. */
export interface CollectionRows extends Rows {
  /** Points that it holds. */
  points: number;
  metric: Metric;
  table: RoutingTable | undefined;
}

export interface CollectionDeps {
  client: ClusterClient;
  signal: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}

const pageSize = 500;
/** A sample is this many slices of the hashes: few enough for a filter, and enough that every node gives its part. */
const slices = 64;
const hashes = 2 ** 32;

/**
 * The vectors of a collection, or of a sample of it. Keys are hashed evenly, so the points of some random slices of the hashes are an even sample, and no other
 * page is read; where there are no hashes (a native cluster, ranges of keys) all pages are read, and an even choice is kept.
 * @throws RagctlError exit 2 where there is no such collection, or it has no points
 */
export async function readCollection(
  name: string,
  { sample, seed }: { sample: number | "all"; seed: number },
  { client, signal, onProgress }: CollectionDeps,
): Promise<CollectionRows> {
  const info = await client.collectionInfo(name);
  if (!info)
    throw new RagctlError(`Cluster ${client.cluster.name} has no collection ${name}.`, {
      code: "no-collection",
      exitCode: ExitCode.usage,
      hint: "ragctl status lists them; --vectors takes a file",
    });
  const table = await client.table(name);
  const points = await client.count(name, undefined, { signal });
  if (points === 0)
    throw new RagctlError(`Collection ${name} has no points.`, {
      code: "no-points",
      exitCode: ExitCode.usage,
      hint: "ragctl ingest fills it; --vectors takes a file",
    });
  const wanted = sample === "all" ? points : Math.min(sample, points);
  const part = wanted / points;
  const rng = rngFor(seed, "collection");
  const filter = part < 1 && table && hasEvenHashes(table) ? sliceFilter(part, rng()) : undefined;
  const vectors: Float32Array[] = [];
  const keys: string[] = [];
  let seen = 0;
  const options = { withVector: true, withPayload: false, pageSize, signal, ...(filter && { filter }) };
  for await (const page of client.scroll(name, options))
    for (const { vector, key } of page) {
      if (!vector) continue;
      seen++;
      // Algorithm R: each point stays with the same probability.
      const at = filter || vectors.length < wanted ? vectors.length : Math.floor(rng() * seen);
      if (at < (filter ? Infinity : wanted)) {
        vectors[at] = Float32Array.from(vector);
        keys[at] = key;
      }
      onProgress?.(Math.min(seen, filter ? wanted : points), filter ? wanted : points);
    }
  const byKey = [...keys.keys()].sort((a, b) => (keys[a]! < keys[b]! ? -1 : 1));
  const rows = inMemory(
    name,
    byKey.map((at) => vectors[at]!),
  );
  const metric = (Object.keys(storeDistance) as Metric[]).find((each) => storeDistance[each] === info.distance)!;
  return { ...rows, dim: info.size, keyOf: (row) => keys[byKey[row]!]!, notes: [], points, metric, table };
}

function hasEvenHashes({ partitioner }: RoutingTable): boolean {
  return partitioner.kind !== "range";
}

/** The first `part` of each slice, all shifted alike. */
function sliceFilter(part: number, shift: number): Filter {
  const width = hashes / slices;
  const taken = part * width;
  const ranges = Array.from({ length: slices }, (_, slice) => {
    const lo = slice * width + shift * (width - taken);
    return { key: field.hash, range: { gte: Math.floor(lo), lt: Math.floor(lo + taken) } };
  });
  return { should: ranges };
}

/** @throws RagctlError exit 2 where ragctl does not route the collection */
export function requireTable({ path, table }: Pick<CollectionRows, "path" | "table">, cluster: string): RoutingTable {
  if (table) return table;
  throw new RagctlError(`Collection ${path} of cluster ${cluster} has no routing table: its store places the points by itself.`, {
    code: "no-table",
    exitCode: ExitCode.usage,
    hint: "ragctl rebalance fit and simulate work on it; moving needs a routed collection.",
  });
}
