import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { connectCluster } from "../../src/cluster/index.ts";
import type { ClusterClient } from "../../src/cluster/contract.ts";
import { resolveCluster } from "../../src/config/resolve.ts";
import type { LoadResult } from "../../src/load/result.ts";
import { exactNeighbors } from "../../src/load/recall/index.ts";
import { realClock, seededRng } from "../../src/runtime.ts";
import type { Distance } from "../../src/stores/contract.ts";
import { clusteredVectors } from "../helpers/dataset-files.ts";
import { fakeRuntime, runCli } from "../helpers/fake-runtime.ts";
import { startLocalCluster, type LocalCluster } from "../helpers/local-cluster.ts";

const [rows, dim, queries, width] = [300, 16, 40, 12];
const train = clusteredVectors(rows, dim, 5);
const asked = clusteredVectors(queries, dim, 6);
let cluster: LocalCluster;
let client: ClusterClient;

/** Real nodes; `rows` has the data set's rows under their numbers, `shifted` other vectors under them, `named` keys of its own, `more` one point too many; `angles` is `rows` by cosine. */
beforeAll(async () => {
  cluster = await startLocalCluster();
  const resolved = await resolveCluster(fakeRuntime({ cwd: cluster.dir }), { config: undefined, cluster: undefined });
  client = await connectCluster(resolved, { clock: realClock, rng: seededRng(1), purpose: "test", cwd: cluster.dir });
  const fill = async (name: string, keyOf: (row: number) => string, vectors = train, distance: Distance = "Euclid") => {
    await client.ensureCollection(name, { size: dim, distance });
    await client.upsert(
      name,
      vectors.map((vector, row) => ({ key: keyOf(row), vector })),
    );
  };
  await fill("rows", String);
  await fill("shifted", (row) => String((row + 1) % rows));
  await fill("named", (row) => `doc-${row}`);
  await fill("more", String, [...train, asked[0]!]);
  await fill("angles", String, train, "Cosine");
  await writeDataset("right.hdf5", {});
  await writeDataset("ids-only.hdf5", { distances: false });
  await writeDataset("wrong.hdf5", { neighborOf: (row) => (row + 150) % rows, distances: false });
  // Few enough, and not the queries that are looked at before.
  await writeDataset("part.hdf5", {
    neighborOf: (row, query) => (query >= 1 && query <= 5 ? (row + 150) % rows : row),
    distances: false,
  });
  await writeDataset("angular.hdf5", { metric: "angular" });
}, 120_000);
afterAll(async () => {
  await client?.close();
  await cluster?.stop();
}, 60_000);

interface Form {
  metric?: string;
  distances?: boolean;
  neighborOf?: (row: number, query: number) => number;
}

async function writeDataset(name: string, { metric = "euclidean", distances = true, neighborOf = (row) => row }: Form) {
  const source = { rows, rowsOf: async (start: number, count: number) => train.slice(start, start + count) };
  const distance = metric === "angular" ? "Cosine" : "Euclid";
  const truth = await exactNeighbors(source, asked, { k: width, distance });
  const { default: h5 } = await import("h5wasm/node");
  await h5.ready;
  const file = new h5.File(join(cluster.dir, name), "w");
  const flat = (vectors: readonly Float32Array[]) => Float32Array.from(vectors.flatMap((vector) => [...vector]));
  file.create_attribute("distance", metric);
  file.create_dataset({ name: "train", data: flat(train), shape: [rows, dim] });
  file.create_dataset({ name: "test", data: flat(asked), shape: [queries, dim] });
  const neighbors = truth.flatMap(({ ids }, query) => ids.map((id) => neighborOf(Number(id), query)));
  file.create_dataset({ name: "neighbors", data: Int32Array.from(neighbors), shape: [queries, width] });
  if (distances)
    file.create_dataset({
      name: "distances",
      data: Float32Array.from(truth.flatMap(({ scores }) => (distance === "Cosine" ? scores.map((score) => 1 - score) : scores))),
      shape: [queries, width],
    });
  file.close();
}

let profiles = 0;

async function load(file: string, collection: string, search: object = {}): Promise<{ result: LoadResult; warnings: string }> {
  const content = {
    warmup: "0s",
    timeout: "20s",
    scenarios: {
      reads: {
        executor: "constant-arrival-rate",
        rate: "40/s",
        duration: "1500ms",
        operation: { kind: "search", collection, k: 10, exact: true, recall: {}, ...search },
        feed: { from: file, field: "test", choice: "sequential" },
      },
    },
    thresholds: { errors: ["rate<50%"] },
  };
  const profile = `truth-${++profiles}.yaml`;
  await writeFile(join(cluster.dir, profile), stringify(content));
  const { json } = await runCli(["load", profile, "--json"], { cwd: cluster.dir });
  const document = json();
  if (!document.result) throw new Error(JSON.stringify(document.error));
  return { result: document.result, warnings: document.warnings.join("\n") };
}

// Each asks little, for a while.
describe.concurrent("recall by the neighbours that a data set brings", { timeout: 60_000 }, () => {
  test.each([
    ["right.hdf5", "rows"],
    ["ids-only.hdf5", "rows"],
    ["angular.hdf5", "angles"],
  ])("%s: exact search finds them all, and the result says whose they are", async (file, collection) => {
    const { result, warnings } = await load(file, collection);
    expect(result.recallTruth).toEqual([{ scenario: "reads", from: "data set", file, queries }]);
    expect(result.recall).toMatchObject([{ k: 10, mean: 1 }]);
    // Every query is judged, without a sample.
    expect(result.recall[0]!.n).toBe(result.counts.ok);
    expect(warnings).not.toContain("exact search");
  });

  test("it is the file that judges: answers that differ from what it says are no hits", async () => {
    const { result } = await load("part.hdf5", "rows");
    expect(result.recallTruth).toMatchObject([{ from: "data set" }]);
    expect(result.recall[0]!.mean).toBeLessThan(0.95);
    expect(result.recall[0]!.mean).toBeGreaterThan(0.5);
  });

  test.each<[why: string, file: string, collection: string, search: object, because: RegExp]>([
    ["other ids", "right.hdf5", "named", {}, /are no points of collection "named".*not the data set's row numbers/],
    ["other vectors under the ids", "right.hdf5", "shifted", {}, /other vectors than its rows/],
    ["other vectors, and no distances to tell by", "wrong.hdf5", "rows", {}, /other vectors than its rows/],
    ["another number of points", "right.hdf5", "more", {}, /has 301 points, the data set has 300 rows/],
    ["another distance", "angular.hdf5", "rows", {}, /its distance is angular, the collection's is Euclid/],
    ["too few neighbours", "right.hdf5", "rows", { k: 20 }, /has 12 neighbours of each query, and recall@20 wants 20/],
  ])("%s: judged by exact search, and the reason told", async (_why, file, collection, search, because) => {
    const { result, warnings } = await load(file, collection, search);
    expect(result.recallTruth).toMatchObject([{ from: "exact search", file, queries }]);
    expect(result.recallTruth![0]!.because).toMatch(because);
    expect(warnings).toMatch(because);
    expect(result.recall[0]!.mean).toBe(1);
  });
});
