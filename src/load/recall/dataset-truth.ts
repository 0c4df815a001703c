import type { ClusterClient } from "../../cluster/contract.ts";
import type { Neighbors } from "../../datasets/contract.ts";
import type { Distance } from "../../stores/contract.ts";
import type { SearchOperationSpec } from "../contract.ts";
import { scoreOf, type ExactTruth } from "./exact.ts";

/** The true neighbours that a data set brings for its own queries. */
export interface DatasetTruth {
  /** As the profile names it. */
  file: string;
  /** `angular`, `euclidean` …, where the file says so. */
  metric?: string;
  /** Of the vectors that neighbours are row numbers of, where the file holds them. */
  baseRows?: number;
  /** Of each query of the operation, in its order. */
  neighbors: readonly Neighbors[];
}

/** Truths by query, null where the file has none for it; or why the file's cannot be the collection's, to end a sentence with. */
export type Fitting = { truths: (ExactTruth | null)[] } | { unfit: string };

/** Queries looked at, evenly, and neighbours of each: what is not the data set's shows in the first few. */
const sampledQueries = 8;
const sampledNeighbors = 8;
/** A stored vector may have been kept in half precision: 2⁻¹¹, and the sum of many such errors. */
const tolerance = 1e-3;

const distanceOfMetric: Record<string, Distance> = {
  angular: "Cosine",
  cosine: "Cosine",
  euclidean: "Euclid",
  l2: "Euclid",
  dot: "Dot",
  ip: "Dot",
};

/**
 * What distances in files mean as scores of a store. ann-benchmarks writes 1 − cosine and the Euclidean distance; others write the chord between
 * normalised vectors, squares, or inner products with either sign. Which one it is, the points themselves say.
 */
const scoresOfDistance: Record<Distance, ((distance: number) => number)[]> = {
  Cosine: [(d) => 1 - d, (d) => 1 - (d * d) / 2, (d) => d],
  Euclid: [(d) => d, (d) => Math.sqrt(d)],
  Dot: [(d) => -d, (d) => d, (d) => 1 - d],
};

/**
 * Ground truth as the file has it, once it is certain that it is the collection's: neighbours are row numbers of the base vectors, so the points must
 * have these as ids, be as many, and lie as far from the queries as the file says.
 * @param k the largest that recall is judged at
 */
export async function fitTruth(
  known: DatasetTruth,
  { collection, queries, filter }: Pick<SearchOperationSpec, "collection" | "queries" | "filter">,
  { client, distance, k, signal }: { client: ClusterClient; distance: Distance; k: number; signal?: AbortSignal },
): Promise<Fitting> {
  const unfit = unfitByItself(known, { distance, k, filtered: filter !== undefined });
  if (unfit !== undefined) return { unfit };
  const points = await client.count(collection, undefined, signal ? { signal } : {});
  if (known.baseRows !== undefined && points !== known.baseRows)
    return { unfit: `collection "${collection}" has ${points} points, the data set has ${known.baseRows} rows` };

  const all = new Float32Array(queries.vectors);
  const sample = sampleOf(known.neighbors, k);
  const keys = [...new Set(sample.map(({ row }) => String(row)))];
  const records = await client.fetch(collection, keys, { withVector: true, ...(signal && { signal }) });
  const vectors = new Map(records.map(({ id, vector }) => [String(id), vector]));
  const missing = keys.filter((key) => !vectors.has(key));
  if (missing.length > 0)
    return {
      unfit: `${missing.length} of ${keys.length} neighbours that were looked up are no points of collection "${collection}" (id ${missing[0]}): its ids are not the data set's row numbers`,
    };
  const looked = sample.flatMap((each) => {
    const vector = vectors.get(String(each.row));
    if (!vector) return [];
    const query = all.subarray(each.query * queries.dim, (each.query + 1) * queries.dim);
    return [{ ...each, score: scoreOf(query, vector, distance), slack: tolerance * scaleOf(query, vector, distance) }];
  });
  const elsewhere = `the points that have the data set's row numbers as ids are other vectors than its rows`;
  const hasDistances = known.neighbors.every(({ distances }) => distances);
  if (!hasDistances) return inOrder(looked, distance) ? { truths: truthsOf(known, k) } : { unfit: elsewhere };
  const toScore = scoresOfDistance[distance].find((convert) =>
    looked.every(({ far, score, slack }) => Math.abs(convert(far!) - score) <= slack),
  );
  return toScore ? { truths: truthsOf(known, k, toScore) } : { unfit: elsewhere };
}

function unfitByItself(
  { metric, neighbors }: DatasetTruth,
  { distance, k, filtered }: { distance: Distance; k: number; filtered: boolean },
): string | undefined {
  if (filtered) return "the searches have a filter, which the data set's neighbours know nothing of";
  const width = neighbors[0]?.rows.length ?? 0;
  if (width < k) return `it has ${width} neighbours of each query, and recall@${k} wants ${k}`;
  if (metric !== undefined && distanceOfMetric[metric.toLowerCase()] !== distance)
    return `its distance is ${metric}, the collection's is ${distance}`;
  return undefined;
}

interface Sampled {
  query: number;
  row: number;
  far: number | undefined;
}

/** Neighbours of some queries, from the nearest to the k-th. Some files fill up with −1 where there are no more. */
function sampleOf(neighbors: readonly Neighbors[], k: number): Sampled[] {
  return evenly(neighbors.length, sampledQueries).flatMap((query) => {
    const { rows, distances } = neighbors[query]!;
    return evenly(k, sampledNeighbors).flatMap((at) => (rows[at]! < 0 ? [] : [{ query, row: rows[at]!, far: distances?.[at] }]));
  });
}

function evenly(count: number, wanted: number): number[] {
  const steps = Math.min(count, wanted);
  return Array.from({ length: steps }, (_, i) => (steps === 1 ? 0 : Math.round((i * (count - 1)) / (steps - 1))));
}

/** What a score's rounding error is in proportion to. */
function scaleOf(a: ArrayLike<number>, b: ArrayLike<number>, distance: Distance): number {
  if (distance === "Cosine") return 1;
  const [x, y] = [lengthOf(a), lengthOf(b)];
  return distance === "Dot" ? x * y : x + y;
}

function lengthOf(vector: ArrayLike<number>): number {
  let squares = 0;
  for (let i = 0; i < vector.length; i++) squares += vector[i]! * vector[i]!;
  return Math.sqrt(squares);
}

/** Whether each query's neighbours get no nearer from first to last. */
function inOrder(looked: readonly (Sampled & { score: number; slack: number })[], distance: Distance): boolean {
  return looked.every(({ query, score, slack }, at) => {
    const before = looked[at - 1];
    if (!before || before.query !== query) return true;
    return distance === "Euclid" ? score >= before.score - slack : score <= before.score + slack;
  });
}

/** @param toScore undefined: the file has no distances, and the scores are NaN, which equal nothing: ids alone decide */
function truthsOf({ neighbors }: DatasetTruth, k: number, toScore?: (distance: number) => number): (ExactTruth | null)[] {
  return neighbors.map(({ rows, distances }) => {
    const none = rows.indexOf(-1);
    const ids = [...rows.subarray(0, none === -1 ? k : Math.min(k, none))];
    if (ids.length === 0) return null;
    return { ids, scores: ids.map((_, at) => (toScore && distances ? toScore(distances[at]!) : Number.NaN)) };
  });
}
