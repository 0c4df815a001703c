import type { RecallTally } from "../../load/recall/accumulate.ts";
import { emptyTally, estimateRecall } from "../../load/recall/index.ts";
import type { Rng } from "../../runtime.ts";
import { chooseCover } from "../../sharding/cover.ts";
import type { Layout, ProbeOutcome, Queries } from "./contract.ts";
import { recallsOf, type Hits } from "./hits.ts";

/** Queries whose nodes are looked at: choosing a cover for each number of shards is the costly part. */
const mostCovers = 400_000;

/** What each number of probed shards comes to, 1 … all. @param hits by query */
export function outcomesOf(
  layout: Layout,
  hits: readonly Hits[],
  weights: readonly number[],
  rows: number,
  rng: Rng,
): ProbeOutcome[] {
  const count = layout.sizes.length;
  const recalls = hits.map((each) => recallsOf(each, count));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const mean = (of: (query: number) => number) => weights.reduce((sum, weight, query) => sum + weight * of(query), 0) / total;
  const asked = nodesAsked(layout, weights, rng);
  const down = oneDown(layout, hits, recalls, weights, total);
  const work = workOf(layout, weights, total, rows);
  return Array.from({ length: count }, (_, at): ProbeOutcome => {
    // All shards find all there is, whatever is asked: of that there is no doubt.
    const interval = at + 1 === count ? { low: 1, high: 1 } : estimateRecall(weighted(recalls, weights, at))!;
    const recall = mean((query) => recalls[query]![at]!);
    return {
      probes: at + 1,
      recall,
      low: Math.min(recall, interval.low),
      high: Math.max(recall, interval.high),
      fanOut: at + 1,
      nodesTouched: asked.touched[at]!,
      work: work[at]!,
      heatMaxOverMean: maxOverMean(asked.requests[at]!),
      oneDown: down[at]!,
    };
  });
}

/** The least number of probed shards whose mean recall reaches the target. It never falls, and ends at 1. */
export function leastProbes(
  hits: readonly Hits[],
  { weights }: Pick<Queries, "weights">,
  shards: number,
  target: number,
): number {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const sums = new Float64Array(shards);
  for (const [query, each] of hits.entries())
    for (const [at, recall] of recallsOf(each, shards).entries()) sums[at]! += weights[query]! * recall;
  const at = sums.findIndex((sum) => sum / total >= target);
  return at === -1 ? shards : at + 1;
}

/** A question that was asked ten times is no ten questions: its weight moves the mean, and the interval is that of the different ones. */
function weighted(recalls: readonly Float64Array[], weights: readonly number[], at: number): RecallTally {
  const tally = emptyTally();
  const scale = weights.length / weights.reduce((sum, weight) => sum + weight, 0);
  for (const [query, recall] of recalls.entries()) {
    const weight = weights[query]! * scale;
    tally.n++;
    tally.sum += weight * recall[at]!;
    tally.sumSquares += weight * recall[at]! * recall[at]!;
  }
  return tally;
}

export function maxOverMean(values: ArrayLike<number>): number {
  let sum = 0;
  let most = 0;
  for (let i = 0; i < values.length; i++) {
    sum += values[i]!;
    most = Math.max(most, values[i]!);
  }
  return sum > 0 ? (most * values.length) / sum : 1;
}

/** Requests by node and number of probes, as the client chooses them: the fewest nodes that hold all probed shards, at random among equals. */
function nodesAsked({ orders, owners, nodes }: Layout, weights: readonly number[], rng: Rng) {
  const count = owners.length;
  const single = owners.every((each) => each.length === 1);
  const step = single ? 1 : Math.max(1, Math.ceil((orders.length * count) / mostCovers));
  const requests = Array.from({ length: count }, () => new Float64Array(nodes.length));
  const touched = new Float64Array(count);
  let total = 0;
  for (let query = 0; query < orders.length; query += step) {
    const weight = weights[query]!;
    total += weight;
    const order = orders[query]!;
    const worstFirst = single ? [] : shuffled(nodes.length, rng);
    const seen = new Set<readonly number[]>();
    const asked = new Set<number>();
    let ask: readonly number[] = [];
    for (let at = 0; at < count; at++) {
      const read = owners[order[at]!]!;
      if (single) asked.add(read[0]!);
      else if (!seen.has(read)) {
        seen.add(read);
        const covers = Array.from(seen, (each) => ({ read: each, share: 0 }));
        ({ ask } = chooseCover({ covers, q: 1, unavailable: [], worstFirst, maxLeftOut: nodes.length }));
      }
      const now: Iterable<number> = single ? asked : ask;
      touched[at]! += weight * (single ? asked.size : ask.length);
      for (const node of now) requests[at]![node]! += weight;
    }
  }
  return { requests, touched: touched.map((value) => value / total) };
}

function shuffled(count: number, rng: Rng): number[] {
  const order = Array.from({ length: count }, (_, i) => i);
  for (let at = count - 1; at > 0; at--) {
    const other = Math.floor(rng() * (at + 1));
    [order[at], order[other]] = [order[other]!, order[at]!];
  }
  return order;
}

/** Recall where one node does not answer: only shards that nobody else holds are missed. */
function oneDown(
  { orders, owners, nodes }: Layout,
  hits: readonly Hits[],
  recalls: readonly Float64Array[],
  weights: readonly number[],
  total: number,
): { mean: number; worst: number }[] {
  const count = owners.length;
  const lost = nodes.map(() => new Float64Array(count));
  const whole = new Float64Array(count);
  for (const [query, each] of hits.entries()) {
    const order = orders[query]!;
    const aloneAt = (place: number) => {
      const read = owners[order[place]!]!;
      return read.length === 1 ? read[0]! : -1;
    };
    for (let at = 0; at < count; at++) whole[at]! += weights[query]! * recalls[query]![at]!;
    for (const node of new Set(each.places.flat().map(aloneAt))) {
      if (node < 0) continue;
      const without = recallsOf(each, count, (place) => aloneAt(place) !== node);
      for (let at = 0; at < count; at++) lost[node]![at]! += weights[query]! * (recalls[query]![at]! - without[at]!);
    }
  }
  return Array.from({ length: count }, (_, at) => {
    const losses = lost.map((each) => each[at]!);
    const sum = losses.reduce((all, value) => all + value, 0);
    return {
      mean: (whole[at]! - sum / nodes.length) / total,
      worst: (whole[at]! - losses.reduce((most, value) => Math.max(most, value), 0)) / total,
    };
  });
}

function workOf({ orders, sizes }: Layout, weights: readonly number[], total: number, rows: number): Float64Array {
  const work = new Float64Array(sizes.length);
  for (const [query, order] of orders.entries()) {
    let sum = 0;
    for (let at = 0; at < sizes.length; at++) {
      sum += sizes[order[at]!]!;
      work[at]! += weights[query]! * sum;
    }
  }
  return work.map((value) => value / total / rows);
}
