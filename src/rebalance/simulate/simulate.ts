import { nearestByCell, type Points, type SemanticModel } from "../../kmeans/index.ts";
import { seededRng } from "../../runtime.ts";
import { loadHashes } from "../../sharding/hash.ts";
import { formatPercent, plural } from "../../units.ts";
import { adaptiveOutcome, calibrateReach, type AdaptiveQuery } from "./adaptive.ts";
import { boundsOf, radiiOf } from "./bounds.ts";
import type { Arrangement, Layout, ProbeOutcome, Queries } from "./contract.ts";
import { hitsOf, recallsOf, truthOf, type Hits, type Truth } from "./hits.ts";
import { hashLayout, onNodes, semanticLayout } from "./layouts.ts";
import type { NodeSet } from "./node-set.ts";
import { leastProbes, maxOverMean, outcomesOf } from "./outcomes.ts";
import type { SimulateResult } from "./result.ts";

export interface Simulation {
  /** The rows, none of which is a query. */
  points: Points;
  keyOf: (row: number) => string;
  queries: Queries;
  /** The first is the one that is recommended for; all of the points' dimension and metric. */
  models: readonly { name: string; model: SemanticModel }[];
  nodes?: NodeSet;
  /** The queries are real ones: shards are placed by how often they are asked, too, where not all are. */
  heat?: boolean;
  k: number;
  /** Recall that is wanted. */
  target: number;
  /** Judge this number of probes, instead of the least that reaches the target. */
  probes?: number;
  seed: number;
}

export interface SimulateDeps {
  signal?: AbortSignal;
  /** Rows compared, of all. */
  onProgress?: (done: number, total: number) => void;
}

type Simulated = Omit<SimulateResult, "source" | "seconds">;
type Judged = SimulateResult["layouts"][number];

/** Pure arithmetic: what searches of these cells would find, ask and cost, beside hashing and beside one another. */
export async function simulate(simulation: Simulation, { signal, onProgress }: SimulateDeps): Promise<Simulated> {
  await loadHashes();
  const { points, queries, models, nodes, k, target, seed } = simulation;
  const { vectors, weights } = queries;
  const shards = models[0]!.model.shards.length;
  const rng = seededRng(seed);
  const hashed = hashLayout("hash", shards, simulation.keyOf, points.count, vectors.length, rng);
  const layouts = [hashed];
  for (const { name, model } of models) layouts.push(await semanticLayout(name, model, points, vectors));
  const neighbors = await nearestByCell(
    points,
    vectors,
    layouts.map(({ division }) => division),
    k,
    { ...(signal && { signal }), ...(onProgress && { onProgress }) },
  );
  const truths = vectors.map((_, query) => truthOf(neighbors[0]!, shards, query, points.metric));
  const judged: {
    layout: Layout;
    curve: ProbeOutcome[];
    least: number;
    adaptive: Judged["adaptive"];
    placed: string[][] | null;
  }[] = [];
  for (const [at, arrangement] of layouts.entries()) {
    signal?.throwIfAborted();
    const model = models[at - 1]?.model;
    const count = arrangement.sizes.length;
    const hits = truths.map((truth, query) => hitsOf(neighbors[at]!, arrangement.orders[query]!, query, truth));
    const least = leastProbes(hits, queries, count, target);
    const probed = Math.min(simulation.probes ?? least, count);
    const heat = simulation.heat && probed < count ? askedShares(arrangement, weights, probed) : undefined;
    const placed = await nodes?.place(arrangement, points, { model, heat });
    const layout = onNodes(arrangement, placed, nodes?.ids ?? []);
    const curve = outcomesOf(layout, hits, weights, points.count, rng);
    const bounds = model && { points, model, neighbors: neighbors[at]!, layout, truths, hits };
    const adaptive = bounds ? adaptiveBeside(bounds, queries, target) : null;
    judged.push({ layout, curve, least, adaptive, placed: placed ?? null });
  }
  const main = judged[1]!;
  const { probes } = simulation;
  const best = main.curve[Math.min(probes ?? main.least, shards) - 1]!;
  const results = [...judged.slice(1), judged[0]!].map(({ layout, curve, least, adaptive, placed }): Judged => {
    const at = curve[least - 1]!;
    return {
      name: layout.name,
      kind: layout.kind,
      shards: curve.length,
      sizeMaxOverMean: maxOverMean(layout.sizes),
      copies: layout.sizes.reduce((sum, size) => sum + size, 0) / points.count - 1,
      reached: at.probes < curve.length,
      at,
      owners: placed,
      sameProbes: curve[Math.min(curve.length, best.probes) - 1]!.recall,
      adaptive,
      curve,
    };
  });
  return {
    k,
    queries: vectors.length,
    asked: weights.reduce((sum, weight) => sum + weight, 0),
    rows: points.count,
    dim: points.dim,
    metric: points.metric,
    target,
    nodes: nodes ? { ids: [...nodes.ids], replicas: nodes.replicas } : null,
    curve: main.curve,
    heat: { probes: best.probes, maxOverMean: best.heatMaxOverMean, shards: askedShares(main.layout, weights, best.probes) },
    layouts: results,
    recommendation: {
      layout: main.layout.name,
      probes: best.probes,
      of: shards,
      recall: best.recall,
      workSaved: 1 - best.work,
      heatMaxOverMean: best.heatMaxOverMean,
      sentence: sentenceOf(best, shards, probes === undefined ? target : undefined, nodes !== undefined),
    },
  };
}

/** Of each shard, the share of the queries that ask it. */
function askedShares({ orders, sizes }: Arrangement, weights: readonly number[], probes: number): number[] {
  const asked: number[] = Array.from({ length: sizes.length }, () => 0);
  for (const [query, order] of orders.entries()) for (let at = 0; at < probes; at++) asked[order[at]!]! += weights[query]!;
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return asked.map((weight) => weight / total);
}

/** @param target absent: the number of probes was given */
function sentenceOf(
  { probes, recall, work, heatMaxOverMean }: ProbeOutcome,
  shards: number,
  target: number | undefined,
  placed: boolean,
): string {
  const busiest = `hottest ${placed ? "node" : "shard"} ${heatMaxOverMean.toFixed(1)}× the mean`;
  const saved = `${formatPercent(1 - work).replace(/\.\d+/, "")} less work per query`;
  if (target === undefined)
    return `probing ${probes} of ${shards} gives recall ${(Math.floor(recall * 1000) / 1000).toFixed(3)}; ${busiest}; ${saved}`;
  if (probes === shards) return `probe all ${plural(shards, "shard")} for recall ≥ ${target}: fewer do not reach it; ${busiest}`;
  return `probe ${probes} of ${shards} for recall ≥ ${target}; ${busiest}; ${saved}`;
}

interface Judging {
  points: Points;
  model: SemanticModel;
  neighbors: Parameters<typeof adaptiveOutcome>[1];
  layout: Layout;
  truths: readonly Truth[];
  hits: readonly Hits[];
}

/** Adaptive probing beside fixed: both are chosen on every second query, and judged on the others. */
function adaptiveBeside(
  { points, model, neighbors, layout, truths, hits }: Judging,
  { vectors, weights }: Queries,
  target: number,
): Judged["adaptive"] {
  if (vectors.length < 4) return null;
  const radii = radiiOf(points, model, layout.division.own);
  const all = vectors.map((vector, query): AdaptiveQuery & { weight: number } => ({
    query,
    weight: weights[query]!,
    truth: truths[query]!,
    order: layout.orders[query]!,
    bounds: boundsOf(model, vector, radii),
  }));
  const [chosenOn, judgedOn] = [all.filter((_, at) => at % 2 === 0), all.filter((_, at) => at % 2 === 1)];
  const run = (queries: typeof all, reach: number) =>
    adaptiveOutcome(layout, neighbors, queries, { metric: points.metric, reach, rows: points.count });
  const reach = calibrateReach((each) => run(chosenOn, each).recall, target);
  const recalls = hits.map((each) => recallsOf(each, layout.sizes.length));
  const fixed = (queries: typeof all, probes: number) => {
    const total = queries.reduce((sum, { weight }) => sum + weight, 0);
    let recall = 0;
    let work = 0;
    for (const { query, weight, order } of queries) {
      recall += weight * recalls[query]![probes - 1]!;
      for (let at = 0; at < probes; at++) work += weight * layout.sizes[order[at]!]!;
    }
    return { probes, recall: recall / total, work: work / total / points.count };
  };
  let probes = 1;
  while (probes < layout.sizes.length && fixed(chosenOn, probes).recall < target) probes++;
  const { recall, fanOut, work } = run(judgedOn, reach);
  return {
    reach,
    calibratedOn: chosenOn.length,
    judgedOn: judgedOn.length,
    recall,
    fanOut,
    work,
    fixed: fixed(judgedOn, probes),
  };
}
