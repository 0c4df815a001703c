import { describe, expect, it } from "vitest";
import { findPrices } from "../../../src/kmeans/balance/prices.ts";
import { fit } from "../../../src/kmeans/index.ts";
import { makeNearest } from "../../../src/kmeans/nearest.ts";
import { readPoints } from "../../../src/kmeans/points.ts";
import { chooseSpill } from "../../../src/kmeans/spill.ts";
import { seededRng } from "../../../src/runtime.ts";
import { alone, blobs, sourceOf, specOf } from "../../helpers/kmeans-data.ts";

describe("balanced", () => {
  it.each([
    { skew: 0, shards: 16, epsilon: 0.1 },
    { skew: 0.8, shards: 16, epsilon: 0.1 },
    { skew: 1.2, shards: 12, epsilon: 0.05 },
    { skew: 0.8, shards: 16, epsilon: 0.5 },
  ])("no shard is above (1 + ε) × the mean: %o", async ({ skew, shards, epsilon }) => {
    const { vectors } = blobs({ rows: 8000, dim: 16, clusters: 60, spread: 0.7, skew, seed: 5 });
    const source = sourceOf(vectors);
    const plain = await fit(source, specOf({ shards, algorithm: "lloyd" }), "file", alone);
    const even = await fit(source, specOf({ shards, algorithm: "balanced", epsilon }), "file", alone);
    expect(even.maxOverMean).toBeLessThanOrEqual(1 + epsilon);
    expect(even.warnings).toEqual([]);
    expect(even.model.training.inertia).toBeLessThanOrEqual(1.1 * plain.model.training.inertia);
  });

  it("keeps the heat even too", async () => {
    const { vectors, cluster } = blobs({ rows: 6000, dim: 12, clusters: 40, spread: 0.7, seed: 6 });
    // Three clusters of forty are asked for four times as often.
    const heat = Float64Array.from(cluster, (c) => (c < 3 ? 4 : 1));
    const { model } = await fit(
      sourceOf(vectors),
      specOf({ shards: 8, algorithm: "balanced", epsilon: 0.2, heat }),
      "file",
      alone,
    );
    const sums = new Float64Array(8);
    for (const [i, vector] of vectors.entries()) {
      const far = Array.from({ length: 8 }, (_, c) =>
        vector.reduce((sum, value, d) => sum + (value - model.centroids[c * 12 + d]!) ** 2, model.offsets?.[c] ?? 0),
      );
      sums[far.indexOf(Math.min(...far))]! += heat[i]!;
    }
    const mean = sums.reduce((sum, value) => sum + value, 0) / 8;
    expect(Math.max(...sums) / mean).toBeLessThanOrEqual(1.21);
    expect(Math.max(...model.shards.map(({ size }) => size)) / 750).toBeLessThanOrEqual(1.2);
  });

  it("says where rows that are the same cannot be parted", async () => {
    const { vectors } = blobs({ rows: 300, dim: 4, clusters: 5 });
    const same = Array.from({ length: 300 }, () => vectors[0]!);
    const { warnings } = await fit(sourceOf([...vectors, ...same]), specOf({ shards: 4, algorithm: "balanced" }), "file", alone);
    expect(warnings[0]).toMatch(/the largest shard is 2\.\d\d × the mean, above 1 \+ ε = 1\.1: too many rows are the same/);
  });
});

describe("prices", () => {
  it.each([1, 2, 3])("keep the caps at a cost near the least there is (seed %i)", async (seed) => {
    const rng = seededRng(seed);
    const [rows, cells, cap] = [3000, 10, 330];
    const points = await readPoints(sourceOf(blobs({ rows, dim: 2, clusters: 2 }).vectors), "l2", undefined, alone);
    const scores = points.arena.f32(rows * cells);
    // The first cells are near to most rows, the last ones to few.
    for (let i = 0; i < scores.values.length; i++) scores.values[i] = rng() * 10 * (1 + (i % cells));
    const nearest = makeNearest(points, rows);
    const { held, prices } = await findPrices(points, { scores, rows, cells }, { rows: cap }, nearest);
    expect(held).toBe(true);
    const sizes = Array.from({ length: cells }, () => 0);
    let cost = 0;
    // Whatever the prices are, no assignment within the caps costs less than this (weak duality).
    let bound = -cap * prices.reduce((sum, price) => sum + price, 0);
    for (let i = 0; i < rows; i++) {
      const c = nearest.label.values[i]!;
      sizes[c]!++;
      cost += scores.values[i * cells + c]!;
      bound += Math.min(...Array.from(prices, (price, cell) => scores.values[i * cells + cell]! + price));
    }
    expect(Math.max(...sizes)).toBeLessThanOrEqual(cap);
    expect(cost / bound).toBeLessThan(1.03);
  });
});

describe("where copies near boundaries end", () => {
  const ratios = Float32Array.of(1, 1.5, 1.25, 2, 1.25, 3, 1.125, 8, 9, 10);
  it.each([
    [
      { budget: 1, ratio: 2 },
      { ratio: 2, share: 0.6 },
    ],
    [
      { budget: 1, ratio: 1.3 },
      { ratio: 1.25, share: 0.4 },
    ],
    [
      { budget: 0.2, ratio: 2 },
      { ratio: 1.125, share: 0.2 },
    ],
    // The third and the fourth are equally near: both or none.
    [
      { budget: 0.3, ratio: 2 },
      { ratio: 1.125, share: 0.2 },
    ],
    [
      { budget: 0.05, ratio: 2 },
      { ratio: 1, share: 0 },
    ],
  ])("%o", (spec, wanted) => {
    expect(chooseSpill(ratios, spec)).toEqual(wanted);
  });
});
