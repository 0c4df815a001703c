import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { stringify } from "yaml";
import { connectCluster } from "../../src/cluster/index.ts";
import type { ClusterClient } from "../../src/cluster/contract.ts";
import { resolveCluster } from "../../src/config/resolve.ts";
import type { ScenarioSpec } from "../../src/load/contract.ts";
import { packVectors } from "../../src/load/feeds/queries.ts";
import { runLoad } from "../../src/load/index.ts";
import { runKey } from "../../src/load/mixed/run-key.ts";
import type { ObservedOperation } from "../../src/load/observe.ts";
import { realClock, seededRng } from "../../src/runtime.ts";
import { clusteredVectors } from "../helpers/dataset-files.ts";
import { fakeRuntime } from "../helpers/fake-runtime.ts";
import { startNode, type TestNode } from "../helpers/node.ts";

const vectors = clusteredVectors(50, 8);
const deps = { clock: realClock, rng: seededRng(1) };
let folder: string;
let node: TestNode;
let client: ClusterClient;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ragctl-load-observed-"));
  node = await startNode();
  const nodes = [{ id: "n1", url: node.url }];
  const one = { topology: "routed", store: { driver: "qdrant" }, nodes, routing: { replicas: 1 } };
  await writeFile(join(folder, "ragctl.config.yaml"), stringify({ clusters: { test: one } }));
  const cluster = await resolveCluster(fakeRuntime({ cwd: folder }), { config: undefined, cluster: undefined });
  client = await connectCluster(cluster, { ...deps, purpose: "test", cwd: folder });
  for (const name of ["docs", "writes"]) await client.ensureCollection(name, { size: 8, distance: "Euclid" });
  await client.upsert(
    "docs",
    vectors.map((vector, row) => ({ key: String(row), vector })),
  );
}, 60_000);
afterAll(async () => {
  await client?.close();
  await node?.stop();
  await rm(folder, { recursive: true, force: true });
});

test("an observer hears of every search and upsert: keys, version, times, outcome, hits", { timeout: 60_000 }, async () => {
  const tag = "f00dbeef";
  const { cluster } = client;
  const common = { cluster, cwd: folder, choice: { kind: "sequential" as const } };
  const scenario = (name: string, operation: ScenarioSpec["operation"]): ScenarioSpec => ({
    name,
    tags: {},
    executor: {
      kind: "per-vu-iterations",
      vus: 1,
      iterations: 6,
      thinkUs: 0,
      counter: new SharedArrayBuffer(8),
      warmupUs: 0,
      durationUs: 30_000_000,
    },
    operation,
    workers: 1,
    timeoutUs: 20_000_000,
    maxInFlight: 1,
    seed: 1,
  });
  const packed = packVectors(vectors);
  const search = {
    ...common,
    kind: "search" as const,
    collection: "docs",
    k: 3,
    exact: true,
    queries: packed,
    partialIsOk: false,
  };
  const upsert = { ...common, kind: "upsert" as const, collection: "writes", vectors: packed, batch: 2, tag };
  const scenarios = [
    scenario("reads", search),
    scenario("writes", upsert),
    // No store takes them.
    scenario("refused", { ...upsert, tag: "f00ddead", vectors: packVectors([new Float32Array(8).fill(Number.NaN)]) }),
  ];
  const observed: ObservedOperation[] = [];
  const beforeUs = realClock.monotonicUs();
  const { counts } = await runLoad(
    { scenarios, thresholds: [], seed: 1 },
    {
      ...deps,
      target: { kind: "http", url: node.url, method: "POST", bodyBytes: 0 },
      urls: [node.url],
      versions: { node: process.versions.node },
      platform: process.platform,
      onObserved: (operations) => observed.push(...operations),
    },
  );
  const afterUs = realClock.monotonicUs();

  expect(observed).toHaveLength(counts.completed);
  for (const { startUs, endUs } of observed) {
    expect(startUs).toBeGreaterThanOrEqual(beforeUs);
    expect(endUs).toBeGreaterThan(startUs);
    expect(endUs).toBeLessThanOrEqual(afterUs);
  }
  const of = (name: string) => observed.filter((each) => each.scenario === name);
  expect(of("reads").map(({ op, outcome, keys, version }) => ({ op, outcome, keys, version }))).toEqual(
    Array.from({ length: 6 }, () => ({ op: "search", outcome: "ok", keys: [], version: undefined })),
  );
  for (const { hits } of of("reads")) {
    expect(hits).toHaveLength(3);
    // Each query is a point of its own: found at no distance, and the others after it.
    expect(hits![0]!.score).toBeCloseTo(0, 5);
    expect(hits!.map(({ score }) => score)).toEqual(hits!.map(({ score }) => score!).toSorted((a, b) => a - b));
  }
  expect(of("reads").map(({ hits }) => hits![0]!.key)).toEqual(["0", "1", "2", "3", "4", "5"]);

  const writes = of("writes");
  expect(writes.map(({ op, outcome, keys, hits }) => ({ op, outcome, keys, hits }))).toEqual(
    Array.from({ length: 6 }, (_, i) => ({
      op: "upsert",
      outcome: "ok",
      keys: [runKey(tag, 2 * i), runKey(tag, 2 * i + 1)],
      hits: undefined,
    })),
  );
  // What was said to be written is what is stored.
  for (const { keys, version } of writes) {
    const stored = await client.fetch("writes", keys);
    expect(stored.map((record) => record.version)).toEqual([version, version]);
  }

  const refused = of("refused");
  expect(refused).toHaveLength(6);
  for (const { op, outcome, keys } of refused) {
    expect(op).toBe("upsert");
    expect(outcome).not.toBe("ok");
    expect(await client.fetch("writes", keys)).toEqual([]);
  }
});
