import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { connectCluster, type ClusterClient } from "../../../src/cluster/index.ts";
import { clusterSchema, type ClusterConfig } from "../../../src/config/schema.ts";
import { realClock, seededRng } from "../../../src/runtime.ts";
import { field } from "../../../src/sharding/index.ts";
import { openStateStore } from "../../../src/state/index.ts";
import { startNode, type TestNode } from "../../helpers/node.ts";

const spec = { size: 8, distance: "Cosine" } as const;
const dir = mkdtempSync(join(tmpdir(), "ragctl-cluster-"));
let nodes: TestNode[] = [];
const open: ClusterClient[] = [];

beforeAll(async () => {
  nodes = await Promise.all([startNode(), startNode(), startNode()]);
});
afterEach(() => Promise.all(open.splice(0).map((client) => client.close())));
afterAll(async () => {
  await Promise.all(nodes.map((node) => node.stop()));
  rmSync(dir, { recursive: true });
});

function config(routing: object = { replicas: 2 }): ClusterConfig {
  const fields = {
    topology: "routed",
    store: { driver: "qdrant" },
    nodes: nodes.map(({ url }, i) => ({ id: `n${i}`, url })),
    routing,
  };
  return { ...clusterSchema.parse(fields), name: "real", source: { kind: "flags" } };
}
async function connect(routing?: object): Promise<ClusterClient> {
  const client = await connectCluster(config(routing), { clock: realClock, rng: seededRng(3), purpose: "test", cwd: dir });
  open.push(client);
  return client;
}
const some = Array.from({ length: 50 }, (_, i) => ({
  key: `doc ${i}`,
  vector: Array.from({ length: 8 }, (_, d) => Math.sin(i * 7 + d * (1 + (i % 5)))),
}));

test("many at once make one collection: on every node, indexed, with one table", async () => {
  const clients = await Promise.all([connect(), connect(), connect()]);
  const results = await Promise.all(clients.map((client) => client.ensureCollection("together", spec)));
  expect(results.filter(({ created }) => created)).toHaveLength(1);
  const client = clients[0];
  expect(await client.collections()).toEqual(["together"]);
  expect((await client.table("together"))?.members).toEqual(["n0", "n1", "n2"]);
  expect(await client.collectionInfo("together")).toEqual({
    ...spec,
    status: "green",
    pointsCount: 0,
    indexedPayloadFields: [field.hash, field.cell, field.key],
  });
  await client.dropCollection("together");
});

test("written by one client, found by another, counted once, dropped everywhere", async () => {
  const [one, two] = [await connect(), await connect()];
  await one.ensureCollection("shared", spec);
  expect((await one.upsert("shared", some)).acknowledged).toHaveLength(50);
  const { hits, partial } = await two.search(two.prepareSearch("shared", some[7]!.vector, { k: 3, exact: true }));
  expect([hits[0]?.payload?.[field.key], partial]).toEqual(["doc 7", undefined]);
  expect(hits[0]!.score).toBeCloseTo(1, 3);
  expect(await two.count("shared")).toBe(50);
  const held = await Promise.all(["n0", "n1", "n2"].map((id) => two.onNode(id).count("shared")));
  expect(held.reduce((a, b) => a + b)).toBe(100);
  await two.dropCollection("shared");
  expect(await one.collections()).toEqual([]);
  await one.ensureCollection("shared", spec);
  expect(await one.count("shared")).toBe(0);
  await one.dropCollection("shared");
});

test("what exists and does not fit is refused; points that no table knows are in the way", async () => {
  const client = await connect();
  await client.ensureCollection("fits", spec);
  await expect(client.ensureCollection("fits", { ...spec, size: 9 })).rejects.toMatchObject({
    exitCode: 2,
    code: "collection-differs",
  });
  await client.upsert("fits", some);
  const state = await openStateStore({ driver: "sqlite" }, { clusterName: "real", baseDir: dir, clock: realClock });
  await state.dropTable("fits", 1);
  await state.close();
  await expect(client.ensureCollection("fits", spec)).rejects.toMatchObject({ exitCode: 7, code: "collection-unknown" });
  await client.dropCollection("fits");
  await expect((await connect({ replicas: 4, minAcks: 5 })).ensureCollection("x", spec)).rejects.toMatchObject({
    exitCode: 2,
    details: [{ path: "clusters.real.routing.replicas" }, { path: "clusters.real.routing.minAcks" }],
  });
});

test("a node that lost the collection is stale before it gets an empty one", async () => {
  const client = await connect();
  await client.ensureCollection("lost", spec);
  await client.upsert("lost", some);
  await fetch(`${nodes[1]!.url}/collections/lost`, { method: "DELETE" });
  expect(await client.ensureCollection("lost", spec)).toEqual({ created: false });
  expect((await client.table("lost"))?.nodes["n1"]?.state).toBe("stale");
  expect(await client.count("lost")).toBe(50);
  await fetch(`${nodes[0]!.url}/collections/lost`, { method: "DELETE" });
  await expect(client.ensureCollection("lost", spec)).rejects.toMatchObject({ exitCode: 7, code: "data-lost" });
  await client.dropCollection("lost");
});

test("a new collection that one node cannot take leaves nothing on the others, and is made once that node is back", async () => {
  const client = await connect();
  const away = config();
  away.nodes[2]!.url = "http://127.0.0.1:9";
  const half = await connectCluster(away, { clock: realClock, rng: seededRng(4), purpose: "test", cwd: dir });
  open.push(half);
  await fetch(`${nodes[1]!.url}/collections/half`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ vectors: spec }),
  });
  await expect(half.ensureCollection("half", spec)).rejects.toMatchObject({ exitCode: 3, code: "node-unreachable" });
  expect(await client.collections()).toEqual([]);
  const held = await Promise.all(nodes.map(async ({ url }) => (await fetch(`${url}/collections/half`)).status));
  // What was there before stays.
  expect(held).toEqual([404, 200, 404]);
  expect(await client.ensureCollection("half", spec)).toEqual({ created: true });
  await client.dropCollection("half");
});
