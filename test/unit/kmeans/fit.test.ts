import { describe, expect, it } from "vitest";
import { algorithms, metrics, type FitSpec } from "../../../src/kmeans/contract.ts";
import { fit, modelText, parseModel, partitionerCells, storeDistance } from "../../../src/kmeans/index.ts";
import { flattenCentroids, nearestCells } from "../../../src/sharding/semantic.ts";
import { seededRng } from "../../../src/runtime.ts";
import { alone, blobs, sourceOf, specOf } from "../../helpers/kmeans-data.ts";
import { normal } from "../../helpers/sim-queue.ts";

const clustered = blobs({ rows: 4000, dim: 24, clusters: 12 });

/** Inertia of rows around the true middle of their clusters: what no fit is far above. */
function trueInertia({ vectors, cluster }: ReturnType<typeof blobs>): number {
  const groups = Map.groupBy(vectors.keys(), (i) => cluster[i]!);
  let inertia = 0;
  for (const rows of groups.values()) {
    const mean = vectors[0]!.map((_, d) => rows.reduce((sum, i) => sum + vectors[i]![d]!, 0) / rows.length);
    for (const i of rows) inertia += vectors[i]!.reduce((sum, value, d) => sum + (value - mean[d]!) ** 2, 0);
  }
  return inertia;
}

const fitted = (vectors: readonly Float32Array[], spec: Partial<FitSpec> & { shards: number }, threads = 1) =>
  fit(sourceOf(vectors), specOf(spec), "file", { ...alone, threads });

describe("a fit", () => {
  it.each(algorithms)("%s finds clusters that are there", async (algorithm) => {
    const { model } = await fitted(clustered.vectors, { shards: 12, algorithm, epsilon: 1 });
    expect(model.training.inertia).toBeLessThan(1.005 * trueInertia(clustered));
    expect(model.shards.reduce((sum, { size }) => sum + size, 0)).toBe(4000);
    expect(model.shards.reduce((sum, { inertia }) => sum + inertia, 0)).toBeCloseTo(model.training.inertia, 6);
  });

  it.each(algorithms)("%s is the same bit for bit with one thread, two and three", async (algorithm) => {
    const texts = [];
    for (const threads of [1, 2, 3])
      texts.push(modelText((await fitted(clustered.vectors, { shards: 20, algorithm, epsilon: 0.2 }, threads)).model));
    expect(texts[1]).toBe(texts[0]);
    expect(texts[2]).toBe(texts[0]);
  });

  it("depends on its seed", async () => {
    const ids = [];
    for (const seed of [1, 2]) ids.push((await fitted(clustered.vectors, { shards: 20, seed })).model.modelId);
    expect(ids[0]).not.toBe(ids[1]);
  });

  it("is as good far from zero as near it", async () => {
    const far = clustered.vectors.map((vector) => vector.map((value) => value + 3000));
    const { model } = await fitted(far, { shards: 12, algorithm: "lloyd" });
    expect(model.training.inertia).toBeLessThan(1.01 * trueInertia(clustered));
    expect(model.centroids.every((value) => value > 2900)).toBe(true);
  });

  it.each([1, 5])("assigns every row, whatever the sample (%i shards)", async (shards) => {
    const whole = await fitted(clustered.vectors, { shards, metric: "cosine" });
    const part = await fitted(clustered.vectors, { shards, metric: "cosine", sample: 900 });
    expect(part.model.training).toMatchObject({ rows: 4000, sample: 900 });
    expect(part.model.shards.reduce((sum, { size }) => sum + size, 0)).toBe(4000);
    expect(part.model.training.inertia).toBeLessThan(1.1 * whole.model.training.inertia);
  });

  it("takes k-means‖ for a large number of shards", async () => {
    const { vectors } = blobs({ rows: 6000, dim: 8, clusters: 700, spread: 0.02, seed: 3 });
    const { model } = await fitted(vectors, { shards: 600, algorithm: "lloyd", restarts: 1 });
    expect(model.shards.filter(({ size }) => size === 0)).toEqual([]);
    const few = await fitted(vectors, { shards: 100, algorithm: "lloyd", restarts: 1 });
    expect(model.training.inertia).toBeLessThan(0.2 * few.model.training.inertia);
  });
});

describe.each(metrics)("the model of a %s fit", (metric) => {
  it.each(["minibatch", "balanced"] as const)(
    "(%s) puts vectors where the routing table's partitioner puts them",
    async (algorithm) => {
      const { vectors } = blobs({ rows: 3000, dim: 10, clusters: 6, skew: 1, spread: 0.5, seed: 9 });
      const { model } = await fitted(vectors, { shards: 8, algorithm, metric });
      const cells = flattenCentroids(partitionerCells(model));
      const sizes = Array.from({ length: 8 }, () => 0);
      for (const vector of vectors) sizes[nearestCells(cells, storeDistance[metric], vector, 1)[0]!]!++;
      // A row on a boundary may fall to either side of it in single precision.
      for (const [cell, { size }] of model.shards.entries()) expect(Math.abs(size - sizes[cell]!)).toBeLessThanOrEqual(2);
      if (algorithm === "balanced") expect(Math.max(...sizes)).toBeLessThanOrEqual((1.1 * 3000) / 8);
    },
  );

  it("has the inertia that its metric says", async () => {
    const { vectors } = blobs({ rows: 600, dim: 10, clusters: 4, seed: 4 });
    const { model } = await fitted(vectors, { shards: 4, metric });
    let wanted = 0;
    for (const vector of vectors) {
      const length = Math.hypot(...vector);
      wanted += Math.min(
        ...Array.from({ length: 4 }, (_, c) => {
          const centroid = model.centroids.subarray(c * 10, (c + 1) * 10);
          const dot = vector.reduce((sum, value, d) => sum + value * centroid[d]!, 0);
          if (metric === "l2") return vector.reduce((sum, value, d) => sum + (value - centroid[d]!) ** 2, 0);
          return metric === "cosine" ? 2 - (2 * dot) / length : 2 * (length - dot);
        }),
      );
    }
    expect(model.training.inertia / wanted).toBeCloseTo(1, 4);
  });
});

describe("what cannot be fitted is told in a sentence", () => {
  const equal = Array.from({ length: 50 }, () => Float32Array.of(1, 2, 3));
  it.each([
    ["all equal", equal, { shards: 2 }, "test.npy: 2 shards cannot be made: all 50 vectors are equal"],
    [
      "few distinct",
      [...equal, Float32Array.of(1, 0, 0), Float32Array.of(0, 0, 0), Float32Array.of(-0, 0, 0)],
      { shards: 4 },
      "test.npy: 4 shards cannot be made: there are only 3 different vectors in 53 rows",
    ],
    [
      "one direction",
      equal.map((row, i) => row.map((value) => value * 2 ** (i % 8))),
      { shards: 2, metric: "cosine" as const },
      "of one direction",
    ],
    ["more shards than rows", equal, { shards: 51 }, "51 shards cannot be made of 50 vectors"],
    ["more shards than the sample", equal, { shards: 20, sample: 10 }, "20 shards cannot be made of 10 vectors"],
    ["heat of other rows", equal, { shards: 1, heat: new Float64Array(3) }, "holds 3 numbers, and test.npy has 50 rows"],
  ])("%s", async (_, vectors, spec, message) => {
    await expect(fitted(vectors, spec)).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining(message) });
  });

  it("one shard of equal vectors is no mistake", async () => {
    const { model } = await fitted(equal, { shards: 1 });
    expect(model.training.inertia).toBeCloseTo(0, 6);
    expect([...model.centroids]).toEqual([1, 2, 3]);
  });

  it("an interrupted fit ends", async () => {
    const spec = specOf({ shards: 12 });
    const signal = AbortSignal.abort(new Error("stop"));
    await expect(fit(sourceOf(clustered.vectors), spec, "file", { ...alone, signal })).rejects.toThrow("stop");
  });
});

describe("spill", () => {
  it("keeps rows near a boundary twice, within the budget", async () => {
    const rng = seededRng(8);
    const vectors = Array.from({ length: 2000 }, () =>
      Float32Array.of((rng() < 0.5 ? -1 : 1) + 0.4 * normal(rng), normal(rng) * 0.1),
    );
    const { model } = await fitted(vectors, { shards: 2, spill: { budget: 0.05, ratio: 2 } });
    expect(model.spill!.share).toBeLessThanOrEqual(0.05);
    expect(model.spill!.share).toBeGreaterThan(0.04);
    const near = vectors.filter((vector) => {
      const [a, b] = [0, 1].map((c) =>
        Math.hypot(vector[0]! - model.centroids[c * 2]!, vector[1]! - model.centroids[c * 2 + 1]!),
      );
      return Math.max(a!, b!) / Math.min(a!, b!) <= model.spill!.ratio;
    });
    expect(Math.abs(near.length / 2000 - model.spill!.share)).toBeLessThan(0.002);
  });
});

describe("a model file", () => {
  it("comes back as it was", async () => {
    const { model } = await fitted(clustered.vectors, { shards: 12, algorithm: "balanced", spill: { budget: 0.1, ratio: 1.5 } });
    expect(parseModel(modelText(model), "model.json")).toEqual(model);
  });

  it.each([
    ["not JSON", () => "{", "is not JSON"],
    ["something else", () => "{}", "this is not a model"],
    [
      "of a later version",
      (text: string) => text.replace('"schemaVersion": 1', '"schemaVersion": 2'),
      "expected a model of version 1",
    ],
    ["changed", (text: string) => text.replace('"metric": "l2"', '"metric": "dot"'), "was changed after it was written"],
    ["cut short", (text: string) => text.replace(/("centroids": ")[^"]{8}/, "$1"), "bytes, and 12 of 24 dimensions take 1152"],
  ])("that is %s is refused", async (_, change, message) => {
    const { model } = await fitted(clustered.vectors, { shards: 12, restarts: 1 });
    expect(() => parseModel(change(modelText(model)), "model.json")).toThrow(message);
  });
});
