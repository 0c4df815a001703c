import type { ClusterNode } from "../cluster/node.ts";
import { ExitCode, RagctlError } from "../errors.ts";
import { recallAtK } from "../load/recall/index.ts";
import type { Rng } from "../runtime.ts";
import { field } from "../sharding/table.ts";
import type { DataFace, Distance, Filter, Hit, PointId } from "../stores/contract.ts";
import type { ReleaseAccess } from "./access.ts";

export interface Query {
  id: PointId;
  vector: readonly number[] | Float32Array;
}

const hashSpace = 2 ** 32;
/** Windows of the hash space that a sample comes from: a point's hash says nothing about its vector. */
const windows = 8;

/**
 * Up to `count` points of a collection, drawn evenly: from windows of the hash that every point carries, wherever it lies.
 * @param points how many there are, to know how wide a window must be
 */
export async function sampleQueries(
  ask: (filter: Filter, limit: number) => Promise<Query[]>,
  { count, points, rng }: { count: number; points: number; rng: Rng },
): Promise<Query[]> {
  const found = new Map<PointId, Query>();
  const each = Math.ceil(count / windows);
  // Twice as wide as it should need, since hashes lie unevenly in so small a stretch.
  const width = Math.min(hashSpace / windows, Math.ceil(((2 * each) / Math.max(1, points)) * hashSpace));
  for (let at = 0; at < 4 * windows && found.size < count; at++) {
    const lo = Math.floor(((at % windows) + rng()) * (hashSpace / windows));
    const inside = (gte: number, lt: number): Filter => ({ key: field.hash, range: { gte, lt } }) as unknown as Filter;
    const hi = lo + width;
    const should = hi <= hashSpace ? [inside(lo, hi)] : [inside(lo, hashSpace), inside(0, hi - hashSpace)];
    for (const query of await ask({ should }, each)) if (found.size < count) found.set(query.id, query);
  }
  return [...found.values()];
}

/**
 * Mean recall@k of one node's approximate answers against its own exact ones, over the points that it holds itself; the point that
 * is asked with is left out of its answer.
 * @returns undefined where there was nothing to ask with
 * @throws RagctlError exit 3 where the node does not answer
 */
export async function nodeRecall(
  access: ReleaseAccess,
  node: ClusterNode,
  face: DataFace,
  spec: { queries: readonly Query[]; k: number; distance: Distance; signal: AbortSignal },
): Promise<number | undefined> {
  const { queries, k, distance, signal } = spec;
  let sum = 0;
  for (const { id, vector } of queries) {
    const others = async (exact: boolean): Promise<Hit[]> => {
      const request = face.prepareSearch(vector, { k: k + 1, exact });
      const answer = await access.nodes.send(node, face, request, { timeoutMs: access.requestTimeoutMs, signal }, []);
      signal.throwIfAborted();
      if (!answer.failure)
        return face
          .parseSearch(answer.body)
          .filter((hit) => hit.id !== id)
          .slice(0, k);
      throw new RagctlError(`Node ${answer.failure.message}`, {
        code: "node-unreachable",
        exitCode: ExitCode.unreachable,
        hint: "Nothing was switched. ragctl status shows every node.",
      });
    };
    const truth = await others(true);
    sum += recallAtK(
      await others(false),
      { scores: truth.map(({ score }) => score), ids: truth.map((hit) => hit.id) },
      k,
      distance,
    );
  }
  return queries.length === 0 ? undefined : sum / queries.length;
}
