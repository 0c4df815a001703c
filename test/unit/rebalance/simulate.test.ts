import { describe, expect, test } from "vitest";
import {
  fit,
  nearestByCell,
  normalisedQuery,
  partitionerCells,
  readPoints,
  storeDistance,
  type Metric,
  type SemanticModel,
} from "../../../src/kmeans/index.ts";
import { exactNeighbors, recallAtK } from "../../../src/load/recall/index.ts";
import { probeAdaptively } from "../../../src/rebalance/simulate/adaptive.ts";
import { boundsOf, radiiOf } from "../../../src/rebalance/simulate/bounds.ts";
import { truthOf } from "../../../src/rebalance/simulate/hits.ts";
import { semanticLayout } from "../../../src/rebalance/simulate/layouts.ts";
import { plainNodes } from "../../../src/rebalance/simulate/node-set.ts";
import { simulate, type Simulation } from "../../../src/rebalance/simulate/simulate.ts";
import { flattenCentroids, nearestCells } from "../../../src/sharding/semantic.ts";
import { loadHashes } from "../../../src/sharding/hash.ts";
import { alone, blobs, sourceOf, specOf } from "../../helpers/kmeans-data.ts";

interface Made {
  metric?: Metric;
  rows?: number;
  queries?: number;
  shards?: number;
  seed?: number;
  spill?: boolean;
  spread?: number;
  k?: number;
  nodes?: Simulation["nodes"];
  weights?: number[];
  balanced?: boolean;
}

async function run({
  metric = "l2",
  rows = 600,
  queries = 30,
  shards = 7,
  seed = 1,
  spill,
  spread = 0.8,
  k = 10,
  nodes,
  weights,
  balanced,
}: Made = {}) {
  const { vectors } = blobs({ rows: rows + queries, dim: 10, clusters: 9, spread, skew: 0.7, seed });
  const [data, asked] = [vectors.slice(queries), vectors.slice(0, queries)];
  const spec = specOf({
    shards,
    metric,
    seed,
    algorithm: balanced ? "balanced" : "lloyd",
    ...(spill && { spill: { budget: 0.2, ratio: 1.3 } }),
  });
  const { model } = await fit(sourceOf(data), spec, "file", alone);
  const points = await readPoints(sourceOf(data), metric, undefined, alone);
  try {
    const result = await simulate(
      {
        points,
        keyOf: String,
        queries: { vectors: asked, weights: weights ?? asked.map(() => 1) },
        models: [{ name: "model", model }],
        ...(nodes && { nodes }),
        k,
        target: 0.95,
        seed,
      },
      {},
    );
    return { result, model, data, asked };
  } finally {
    await points.pool.close();
  }
}

/** What searching the first cells finds, said as plainly as can be. */
async function plainRecall(model: SemanticModel, data: Float32Array[], queries: Float32Array[], k: number, probes: number) {
  const centroids = flattenCentroids(partitionerCells(model));
  const distance = storeDistance[model.metric];
  const cells = data.map((row) => nearestCells(centroids, distance, row, 1)[0]!);
  const source = (rows: Float32Array[]) => ({
    rows: rows.length,
    rowsOf: async (start: number, count: number) => rows.slice(start, start + count),
  });
  let sum = 0;
  for (const query of queries) {
    const [truth] = await exactNeighbors(source(data), [query], { k, distance });
    const probed = new Set(nearestCells(centroids, distance, query, probes));
    const rows = data.flatMap((_, row) => (probed.has(cells[row]!) ? [row] : []));
    const [found] = await exactNeighbors(source(rows.map((row) => data[row]!)), [query], { k, distance });
    const hits = found!.ids.map((id, at) => ({ id: rows[Number(id)]!, score: found!.scores[at]! }));
    sum += recallAtK(hits, truth!, k, distance);
  }
  return sum / queries.length;
}

const members = (count: number, replicas: number) =>
  plainNodes(
    Array.from({ length: count }, (_, i) => `n${i + 1}`),
    replicas,
  );

describe("recall against shards probed", () => {
  test.each(["l2", "cosine", "dot"] as const)("%s: what a search of the probed cells alone would find", async (metric) => {
    const { result, model, data, asked } = await run({ metric });
    for (const probes of [1, 2, 4])
      expect(result.curve[probes - 1]!.recall).toBeCloseTo(await plainRecall(model, data, asked, 10, probes), 10);
  });

  test("never falls, and is exactly 1 where all are probed, whatever the vectors", async () => {
    for (let seed = 1; seed <= 12; seed++) {
      const metric = (["l2", "cosine", "dot"] as const)[seed % 3]!;
      const shards = 1 + ((seed * 5) % 23);
      const k = [1, 3, 10, 50][seed % 4]!;
      const weights = Array.from({ length: 30 }, (_, i) => 1 + ((i * seed) % 5));
      const nodes = seed % 2 ? members(1 + (seed % 4), 1) : undefined;
      const { result } = await run({
        metric,
        seed,
        shards,
        k,
        weights,
        spill: seed % 4 === 1,
        balanced: seed % 5 === 0,
        ...(nodes && { nodes }),
      });
      for (const { curve, name } of result.layouts) {
        const recalls = curve.map(({ recall }) => recall);
        expect(recalls.at(-1), `seed ${seed}, ${name}`).toBe(1);
        for (let at = 1; at < recalls.length; at++)
          expect(recalls[at]!, `seed ${seed}, ${name}, ${at + 1} probes`).toBeGreaterThanOrEqual(recalls[at - 1]!);
        for (const { oneDown, recall, low, high } of curve) {
          expect(oneDown.worst).toBeLessThanOrEqual(oneDown.mean + 1e-12);
          expect(oneDown.mean).toBeLessThanOrEqual(recall + 1e-12);
          expect(low).toBeLessThanOrEqual(recall);
          expect(high).toBeGreaterThanOrEqual(recall);
        }
      }
    }
  });

  test("fewer rows than k: all that there are, are wanted", async () => {
    const { result } = await run({ rows: 30, shards: 3, k: 50 });
    expect(result.curve.at(-1)!.recall).toBe(1);
    expect(result.curve[0]!.recall).toBeLessThan(1);
  });

  test("ties are as good as one another", async () => {
    // Each row three times, in one cell or in several: the k-th true neighbour has twins.
    const { vectors } = blobs({ rows: 100, dim: 6, clusters: 4, seed: 3 });
    const rows = [...vectors, ...vectors, ...vectors];
    const points = await readPoints(sourceOf(rows), "l2", undefined, alone);
    const { model } = await fit(sourceOf(rows), specOf({ shards: 4 }), "file", alone);
    try {
      const queries = { vectors: vectors.slice(0, 20), weights: vectors.slice(0, 20).map(() => 1) };
      const base = { points, keyOf: String, queries, models: [{ name: "m", model }], target: 0.9, seed: 1 };
      const { layouts } = await simulate({ ...base, k: 1 }, {});
      // The nearest is the query's own vector, wherever its three copies lie: by hash, one of several shards.
      expect(layouts.find(({ kind }) => kind === "hash")!.curve[2]!.recall).toBeGreaterThan(0.85);
      expect(layouts[0]!.curve[0]!.recall).toBe(1);
    } finally {
      await points.pool.close();
    }
  });

  test("weights are repetitions", async () => {
    const once = await run({ queries: 12, weights: Array.from({ length: 12 }, (_, i) => (i === 4 ? 1000 : 1)) });
    const alone4 = await plainRecall(once.model, once.data, [once.asked[4]!], 10, 1);
    expect(once.result.asked).toBe(1011);
    expect(once.result.curve[0]!.recall).toBeCloseTo(alone4, 1);
  });

  test("copies near boundaries are found with either cell, and cost work", async () => {
    const without = await run({ spread: 1.5 });
    const withCopies = await run({ spread: 1.5, spill: true });
    expect(withCopies.result.layouts[0]!.copies).toBeGreaterThan(0.1);
    expect(withCopies.result.curve[0]!.recall).toBeGreaterThan(without.result.curve[0]!.recall);
    expect(withCopies.result.curve.at(-1)!.work).toBeCloseTo(1 + withCopies.result.layouts[0]!.copies, 10);
  });
});

describe("nodes", () => {
  test("without nodes, each shard is one", async () => {
    const { result } = await run();
    expect(result.nodes).toBeNull();
    expect(result.curve.map(({ nodesTouched }) => nodesTouched)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    // Losing one of seven costs a seventh of what there is, on average over which one.
    expect(result.curve.at(-1)!.oneDown.mean).toBeCloseTo(6 / 7, 1);
  });

  test("cells share nodes, so that fewer nodes than cells are asked", async () => {
    const { result } = await run({ shards: 16, nodes: members(3, 1) });
    const { curve } = result;
    expect(curve[0]!.nodesTouched).toBe(1);
    expect(curve[7]!.nodesTouched).toBeLessThanOrEqual(3);
    expect(curve.at(-1)!.nodesTouched).toBe(3);
    expect(curve.at(-1)!.heatMaxOverMean).toBe(1);
    expect(curve.some(({ heatMaxOverMean }) => heatMaxOverMean > 1)).toBe(true);
    expect(result.layouts.map(({ owners }) => owners?.length)).toEqual([16, 16]);
    expect(result.heat.maxOverMean).toBe(result.layouts[0]!.at.heatMaxOverMean);
  });

  test("two replicas: one node fewer for all cells, and a lost one costs nothing", async () => {
    const { result } = await run({ shards: 16, nodes: members(4, 2) });
    const all = result.curve.at(-1)!;
    expect(all.nodesTouched).toBeLessThanOrEqual(3);
    for (const { oneDown, recall } of result.curve) {
      expect(oneDown.worst).toBeCloseTo(recall, 12);
      expect(oneDown.mean).toBeCloseTo(recall, 12);
    }
  });
});

describe("adaptive probing", () => {
  test.each(["l2", "cosine", "dot"] as const)(
    "%s: with a reach of one nothing is missed, and not all is asked",
    async (metric) => {
      let asked = 0;
      for (let seed = 1; seed <= 5; seed++) {
        const { vectors } = blobs({ rows: 640, dim: 4, clusters: 12, spread: 0.15, seed });
        const [data, queries] = [vectors.slice(40), vectors.slice(0, 40)];
        const { model } = await fit(sourceOf(data), specOf({ shards: 12, metric }), "file", alone);
        const points = await readPoints(sourceOf(data), metric, undefined, alone);
        try {
          await loadHashes();
          const layout = await semanticLayout("m", model, points, queries);
          const [neighbors] = await nearestByCell(points, queries, [layout.division], 10, {});
          const radii = radiiOf(points, model, layout.division.own);
          for (const [query, vector] of queries.entries()) {
            const truth = truthOf(neighbors!, 12, query, metric);
            const bounds = boundsOf(model, vector, radii);
            const probed = probeAdaptively(neighbors!, { query, truth, bounds, order: layout.orders[query]! }, metric, 1);
            expect(probed.recall, `seed ${seed}, query ${query}`).toBe(1);
            asked += probed.asked.length;
          }
        } finally {
          await points.pool.close();
        }
      }
      expect(asked / 200).toBeLessThan(12);
    },
  );

  test("reaches the target with fewer shards on average than a fixed number", async () => {
    const { result } = await run({ rows: 3000, queries: 200, shards: 24, spread: 0.6 });
    const { adaptive } = result.layouts[0]!;
    expect(adaptive!.judgedOn).toBe(100);
    expect(adaptive!.recall).toBeGreaterThan(0.92);
    expect(adaptive!.work).toBeLessThanOrEqual(adaptive!.fixed.work * 1.05);
  });
});

test("hashing finds as much as it asks for; cells find more", async () => {
  const { result } = await run({ rows: 2000, shards: 8, queries: 100, spread: 0.3 });
  const hash = result.layouts.find(({ kind }) => kind === "hash")!;
  for (const probes of [1, 4]) expect(hash.curve[probes - 1]!.recall).toBeCloseTo(probes / 8, 1);
  expect(hash.at.probes).toBe(8);
  expect(result.curve[0]!.recall).toBeGreaterThan(0.8);
  expect(result.recommendation.sentence).toMatch(
    /^probe \d of 8 for recall ≥ 0.95; hottest shard \d\.\d× the mean; \d+ % less work per query$/,
  );
});

test("a query under cosine is of length one, and one of zeros stays", () => {
  expect(Math.hypot(...normalisedQuery("cosine", [3, 4]))).toBeCloseTo(1, 12);
  expect([...normalisedQuery("cosine", [0, 0])]).toEqual([0, 0]);
});
