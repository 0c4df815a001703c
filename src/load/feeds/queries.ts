import type { ClusterClient } from "../../cluster/contract.ts";
import { ExitCode, RagctlError } from "../../errors.ts";
import type { Rng } from "../../runtime.ts";

/** Query vectors side by side in memory that every worker reads. */
export interface QueryVectors {
  vectors: SharedArrayBuffer;
  dim: number;
  count: number;
}

/** @param vectors all of one length */
export function packVectors(vectors: readonly ArrayLike<number>[]): QueryVectors {
  const dim = vectors[0]?.length ?? 0;
  const shared = new SharedArrayBuffer(4 * dim * vectors.length);
  const all = new Float32Array(shared);
  for (const [index, vector] of vectors.entries()) all.set(vector, index * dim);
  return { vectors: shared, dim, count: vectors.length };
}

/** Points looked at to choose from: a sample of the first pages is good enough, and a billion points are not read for it. */
const scanPerQuery = 10;

/**
 * Vectors of the collection's own points: an even choice among the first ten times as many (reservoir sampling, algorithm R), so that
 * neighbours in storage are not all there is.
 * @throws RagctlError exit 2 where the collection has no points
 */
export async function sampleOwnPoints(
  client: ClusterClient,
  collection: string,
  { count, rng, signal }: { count: number; rng: Rng; signal?: AbortSignal },
): Promise<QueryVectors> {
  const chosen: ArrayLike<number>[] = [];
  let seen = 0;
  const options = { withVector: true, withPayload: false, pageSize: 500, ...(signal && { signal }) };
  pages: for await (const page of client.scroll(collection, options))
    for (const { vector } of page) {
      if (!vector) continue;
      if (chosen.length < count) chosen.push(vector);
      else {
        const at = Math.floor(rng() * (seen + 1));
        if (at < count) chosen[at] = vector;
      }
      if (++seen >= count * scanPerQuery) break pages;
    }
  if (chosen.length === 0)
    throw new RagctlError(`collection "${collection}" has no points to take queries from`, {
      code: "no-points",
      exitCode: ExitCode.usage,
      hint: "ragctl ingest fills it; or give --queries FILE",
    });
  return packVectors(chosen);
}
