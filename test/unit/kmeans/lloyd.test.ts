import { describe, expect, it } from "vitest";
import { makeCentroids, setToRow } from "../../../src/kmeans/centroids.ts";
import { groupsFor, lloyd } from "../../../src/kmeans/lloyd.ts";
import { findNearest, inertiaOf, makeNearest } from "../../../src/kmeans/nearest.ts";
import { readPoints } from "../../../src/kmeans/points.ts";
import { settle } from "../../../src/kmeans/start/settle.ts";
import { alone, blobs, sourceOf } from "../../helpers/kmeans-data.ts";

describe("groups of centroids with a bound of their own", () => {
  it.each([
    [1000, 1, 1e9, { groups: 1, size: 1 }],
    [1000, 8, 1e9, { groups: 1, size: 8 }],
    [1000, 9, 1e9, { groups: 2, size: 8 }],
    [200_000, 64, 2 ** 29, { groups: 8, size: 8 }],
    [1_000_000, 1024, 2 ** 29, { groups: 128, size: 8 }],
    [2_000_000, 1024, 2 ** 29, { groups: 64, size: 16 }],
    [2_000_000, 1024, 1000, { groups: 1, size: 1024 }],
  ])("%i rows, %i shards, %i bytes", (rows, shards, bytes, wanted) => {
    expect(groupsFor(rows, shards, bytes)).toEqual(wanted);
  });
});

describe("Lloyd with bounds", () => {
  it.each([
    { shards: 3, boundBytes: 2 ** 29 },
    { shards: 8, boundBytes: 2 ** 29 },
    { shards: 30, boundBytes: 2 ** 29 },
    // One group of all: Hamerly.
    { shards: 30, boundBytes: 1 },
    // Groups that are no multiple of eight.
    { shards: 45, boundBytes: 2000 * 4 * 3 },
  ])("comes to what plain Lloyd comes to, with fewer distances: %o", async ({ shards, boundBytes }) => {
    const { vectors } = blobs({ rows: 2000, dim: 19, clusters: 25, spread: 0.5, seed: shards });
    const points = await readPoints(sourceOf(vectors), "l2", undefined, alone);
    const [bounded, plain] = [makeCentroids(points, shards), makeCentroids(points, shards)];
    for (const centroids of [bounded, plain]) for (let c = 0; c < shards; c++) setToRow(points, centroids, c, c * 7);
    const report = await lloyd(points, bounded, { maxIterations: 12, boundBytes }, {});
    const index = points.arena.i32(2000);
    index.values.set([...vectors.keys()]);
    const nearest = makeNearest(points, 2000);
    const inertia = await settle(points, plain, nearest, index, report.iterations);
    await findNearest(points, bounded, nearest, 2000);
    expect(inertiaOf(points, bounded, nearest, 2000) / inertia).toBeCloseTo(1, 4);
    expect(report.distancesShare).toBeLessThan(0.95);
    for (let i = 0; i < shards * points.width; i++) expect(bounded.rows.values[i]).toBeCloseTo(plain.rows.values[i]!, 2);
  });

  it("gives a centroid without rows a row", async () => {
    const { vectors } = blobs({ rows: 300, dim: 4, clusters: 5 });
    const points = await readPoints(sourceOf(vectors), "l2", undefined, alone);
    const centroids = makeCentroids(points, 5);
    // Two far away from everything: nobody's nearest.
    for (let c = 0; c < 5; c++) setToRow(points, centroids, c, c);
    for (const c of [1, 3]) centroids.rows.values.fill(1e3 * (c + 1), c * points.width, (c + 1) * points.width);
    for (const c of [1, 3]) centroids.squares.values[c] = 4 * (1e3 * (c + 1)) ** 2;
    await lloyd(points, centroids, { maxIterations: 50 }, {});
    const nearest = makeNearest(points, 300);
    await findNearest(points, centroids, nearest, 300);
    expect(new Set(nearest.label.values)).toEqual(new Set([0, 1, 2, 3, 4]));
  });
});
