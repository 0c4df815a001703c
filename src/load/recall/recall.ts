import type { Distance, Hit, PointId } from "../../stores/contract.ts";

/** The true neighbours of one query, best first, at least k of them (fewer only where the collection holds fewer). */
export interface Truth {
  /** In the store's own sense: similarity for Cosine and Dot (more is better), distance for Euclid (less is better). NaN beside ids: not known. */
  scores: ArrayLike<number>;
  /** Absent where only the scores are known. */
  ids?: readonly PointId[];
}

/** Two scores within this of each other, relative to the larger (and absolutely below 1), are the same: single precision, summed in another order. */
const scoreEpsilon = 1e-5;

/** How far below the k-th true score another one may be, and still be as good. */
export function scoreSlack(limit: number): number {
  return scoreEpsilon * Math.max(1, Math.abs(limit));
}

/**
 * Recall@k of one answer, safe against ties: any of several points at the same distance is as good as another.
 *
 * A hit counts, each id once and at most k of them, when it is one of the true k, or when its score equals the k-th true score within `scoreEpsilon`. Where the
 * truth has no ids, a hit counts when its score is at least as good as the k-th. (With ids that is not enough: a node that
 * answers wrong ids may claim any score; a better score than the k-th on a point that is not among the k is a contradiction, and no hit.)
 * @returns 0 … 1: hits that count ÷ min(k, true neighbours)
 */
export function recallAtK(hits: readonly Pick<Hit, "id" | "score">[], truth: Truth, k: number, distance: Distance): number {
  const wanted = Math.min(k, truth.scores.length);
  if (wanted === 0) return 1;
  const limit = truth.scores[wanted - 1]!;
  const nearest = truth.ids && new Set(truth.ids.slice(0, wanted).map(String));
  const slack = scoreSlack(limit);
  // How much better than the k-th a score is; below −slack it is worse.
  const gain = (score: number) => (distance === "Euclid" ? limit - score : score - limit);
  const seen = new Set<string>();
  let found = 0;
  for (const { id, score } of hits.slice(0, k)) {
    const key = String(id);
    if (seen.has(key)) continue;
    seen.add(key);
    if (nearest ? nearest.has(key) || Math.abs(gain(score)) <= slack : gain(score) >= -slack) found++;
  }
  return Math.min(found, wanted) / wanted;
}
