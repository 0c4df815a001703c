import { expect, test } from "vitest";
import type { CacheStore } from "../../../src/cache/contract.ts";
import { memoryCache } from "../../../src/cache/memory.ts";
import { clusterSchema, type ClusterConfig } from "../../../src/config/schema.ts";
import { RagctlError } from "../../../src/errors.ts";
import type { RoutingTable } from "../../../src/sharding/index.ts";
import { collectStatus, somethingIsDown, type StatusDeps } from "../../../src/status/collect.ts";
import { statusSchema } from "../../../src/status/result.ts";
import type { NodeHealth, StoreControl } from "../../../src/stores/contract.ts";
import { SimClock } from "../../helpers/sim-clock.ts";

interface FakeNode {
  healths: NodeHealth[];
  points?: Record<string, number>;
  takesConnections?: boolean;
  countFails?: boolean;
}

const clock = new SimClock();

function fake(nodes: Record<string, FakeNode>, more: Partial<StatusDeps> = {}): { cluster: ClusterConfig; deps: StatusDeps } {
  const cluster: ClusterConfig = {
    ...clusterSchema.parse({
      topology: "routed",
      store: { driver: "qdrant" },
      nodes: Object.keys(nodes).map((id) => ({ id, url: `http://${id}:6333` })),
      objectives: { p99: "100ms" },
    }),
    name: "test",
    source: { kind: "config" },
  };
  const deps: StatusDeps = {
    clock,
    control: async ({ id }) => {
      const { healths, points = {} } = nodes[id]!;
      let asked = 0;
      const control: Partial<StoreControl> = {
        health: async () => healths[Math.min(asked++, healths.length - 1)]!,
        listCollections: async () => Object.keys(points),
      };
      return control as StoreControl;
    },
    pointsOn: async ({ id }, _control, collection) => {
      if (nodes[id]!.countFails) throw new RagctlError("it stopped answering", { code: "x", exitCode: 3 });
      return nodes[id]!.points![collection]!;
    },
    tables: async () => [],
    cache: async () => undefined,
    connects: async (url) => nodes[new URL(url).hostname]!.takesConnections ?? false,
    ...more,
  };
  return { cluster, deps };
}

const ok = (latencyUs = 500): NodeHealth => ({ ok: true, version: "1.18.0", latencyUs });

const table: RoutingTable = {
  schemaVersion: 1,
  collection: "docs",
  epoch: 7,
  partitioner: { kind: "ring", virtualNodes: 150, hash: "xxh32" },
  replicas: 2,
  members: ["n1", "n2"],
  nodes: {
    n1: { url: "http://n1:6333", weight: 1, state: "serving" },
    n2: { url: "http://n2:6333", weight: 1, state: "stale" },
    n3: { url: "http://n3:6333", weight: 1, state: "joining" },
  },
  moves: [],
  vector: { size: 8, distance: "Cosine" },
};

test("points of every node, states of every table, whatever answers", async () => {
  const { cluster, deps } = fake(
    {
      n1: { healths: [ok()], points: { docs: 10, other: 1 } },
      n2: { healths: [{ ok: false, problem: "connection refused" }] },
      n3: { healths: [ok()], points: {} },
    },
    { tables: async () => [table] },
  );
  const status = statusSchema.parse(await collectStatus(cluster, deps));
  expect(status.nodes.map(({ id, health, points }) => [id, health, points])).toEqual([
    ["n1", "healthy", 11],
    ["n2", "dead", null],
    ["n3", "healthy", 0],
  ]);
  expect(status.nodes.map(({ collections }) => collections["docs"])).toEqual([
    { points: 10, state: "serving" },
    { points: null, state: "stale" },
    { points: 0, state: "joining" },
  ]);
  expect(status.collections).toEqual([
    { name: "docs", copies: 10, replicas: 2, epoch: 7, routed: true },
    { name: "other", copies: 1, replicas: null, epoch: null, routed: false },
  ]);
  expect(status).toMatchObject({ cluster: "test", topology: "routed", cache: null, objectives: { p99: 100 } });
  expect(somethingIsDown(status)).toBe(true);
});

test("a first answer that was slow for our own reasons does not make a node degraded; a second slow one does", async () => {
  const { cluster, deps } = fake({
    warm: { healths: [ok(900_000), ok(300)], points: {} },
    slow: { healths: [ok(900_000), ok(800_000)], points: {} },
  });
  const status = await collectStatus(cluster, deps);
  expect(status.nodes.map(({ health, latencyMs }) => [health, latencyMs])).toEqual([
    ["healthy", 0.3],
    ["degraded", 800],
  ]);
  expect(somethingIsDown(status)).toBe(false);
});

test("hangs, answers with an error, stops answering: unhealthy each", async () => {
  const { cluster, deps } = fake({
    hangs: { healths: [{ ok: false, problem: "no answer within 2 s" }], takesConnections: true },
    refuses: { healths: [{ ok: false, latencyUs: 100, problem: "HTTP 500" }], takesConnections: true },
    stops: { healths: [ok()], points: { docs: 1 }, countFails: true },
  });
  const status = await collectStatus(cluster, deps);
  expect(status.nodes.map(({ health, problem }) => [health, problem])).toEqual([
    ["unhealthy", "no answer within 2 s"],
    ["unhealthy", "HTTP 500"],
    ["unhealthy", "it stopped answering"],
  ]);
  expect(somethingIsDown(status)).toBe(true);
});

test("the cache is asked and closed; one that does not answer is down", async () => {
  const cache = memoryCache({ maxBytes: 1_000, clock });
  const up = fake({ n1: { healths: [ok()], points: {} } }, { cache: async () => cache });
  expect((await collectStatus(up.cluster, up.deps)).cache).toMatchObject({ driver: "memory", ok: true, meanwhile: null });
  let closed = false;
  const dead = {
    ...cache,
    ping: () => Promise.reject(new Error("refused")),
    describe: async () => ({ driver: "redis" as const, ok: false, endpoints: ["redis://r:6379"], problem: "refused" }),
    close: async () => void (closed = true),
  };
  const down = fake({ n1: { healths: [ok()], points: {} } }, { cache: async () => dead });
  const status = await collectStatus(down.cluster, down.deps);
  expect(status.cache).toMatchObject({ ok: false, problem: "refused", latencyMs: null, meanwhile: "goes on from memory" });
  expect(closed).toBe(true);
  expect(somethingIsDown(status)).toBe(true);
});

test("zones with a cache of their own: each is asked, and one that does not answer is down", async () => {
  const memory = memoryCache({ maxBytes: 1_000, clock });
  const dead: CacheStore = {
    ...memory,
    ping: () => Promise.reject(new Error("refused")),
    describe: async () => ({ driver: "redis", ok: false, endpoints: ["redis://b"], problem: "refused" }),
  };
  const asked: (string | undefined)[] = [];
  const { cluster, deps } = fake(
    { n1: { healths: [ok()], points: {} } },
    {
      cache: async (zone) => {
        asked.push(zone);
        return zone === "b" ? dead : memory;
      },
    },
  );
  const zoned = {
    ...cluster,
    cache: { driver: "redis", url: "redis://a", zones: { b: { url: "redis://b" } } },
  } as unknown as typeof cluster;
  const status = await collectStatus(zoned, deps);
  expect(asked).toEqual([undefined, "b"]);
  expect(status.cache).toMatchObject({ ok: true });
  expect(status.zoneCaches).toMatchObject([{ zone: "b", ok: false, problem: "refused" }]);
  expect(somethingIsDown(status)).toBe(true);
});

test("a native collection with cells goes by the name that people use; what served before under it is about to go", async () => {
  const native = { ...table, physical: "docs@1", moves: [] };
  const counted = async (left?: string) => {
    const points = { "docs@1": 5, wiki: 2, ...(left !== undefined && { [left]: 4 }) };
    const { cluster, deps } = fake(
      { n1: { healths: [ok()], points } },
      { nativeTables: async () => [{ ...native, native: left === undefined ? {} : { left } }] },
    );
    const { nodes, collections } = await collectStatus({ ...cluster, topology: "native" }, deps);
    expect(collections.map(({ name }) => name)).toEqual(Object.keys(nodes[0]!.collections).toSorted());
    return Object.fromEntries(Object.entries(nodes[0]!.collections).map(([name, each]) => [name, each.points]));
  };
  expect(await counted()).toEqual({ docs: 5, wiki: 2 });
  expect(await counted("docs")).toEqual({ docs: 5, wiki: 2 });
  expect(await counted("docs@0")).toEqual({ docs: 5, "docs@0": 4, wiki: 2 });
});
