import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { connectCluster } from "../../src/cluster/index.ts";
import type { ClusterClient } from "../../src/cluster/contract.ts";
import { resolveCluster } from "../../src/config/resolve.ts";
import { openChecker, type Checker } from "../../src/experiments/checker/index.ts";
import type { ScenarioSpec } from "../../src/load/contract.ts";
import { packVectors } from "../../src/load/feeds/queries.ts";
import { runLoad } from "../../src/load/index.ts";
import { writtenKeysBytes } from "../../src/load/mixed/written-keys.ts";
import { realClock, seededRng } from "../../src/runtime.ts";
import { pointIdOf } from "../../src/sharding/point-id.ts";
import { clusteredVectors } from "../helpers/dataset-files.ts";
import { fakeRuntime } from "../helpers/fake-runtime.ts";
import { lyingProxy, type Lies, type LyingProxy } from "../helpers/lying-proxy.ts";
import { startNode, type TestNode } from "../helpers/node.ts";

const deps = { clock: realClock, rng: seededRng(1) };
const vectors = clusteredVectors(100, 8);
const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
}, 30_000);

interface Cluster {
  client: ClusterClient;
  checker: Checker;
  nodes: TestNode[];
  proxies: LyingProxy[];
  /** Writes, reads and deletes through the client, told to the checker as any writer would. */
  upsert: (keys: readonly string[]) => Promise<void>;
  fetch: (keys: readonly string[]) => Promise<void>;
  remove: (keys: readonly string[]) => Promise<void>;
}

/** Nodes of which each may lie, with every point on `replicas` of them. */
async function cluster(lies: readonly Lies[], replicas: number): Promise<Cluster> {
  const folder = await mkdtemp(join(tmpdir(), "ragctl-checker-"));
  ends.push(() => rm(folder, { recursive: true, force: true }));
  const nodes = await Promise.all(lies.map(() => startNode()));
  ends.push(() => Promise.all(nodes.map((node) => node.stop())));
  const proxies = await Promise.all(lies.map((lie, at) => lyingProxy(nodes[at]!.url, lie)));
  ends.push(() => Promise.all(proxies.map((proxy) => proxy.close())));
  const config = {
    topology: "routed",
    store: { driver: "qdrant", timeout: "3s" },
    nodes: proxies.map(({ url }, at) => ({ id: `n${at + 1}`, url })),
    routing: { replicas },
  };
  await writeFile(join(folder, "ragctl.config.yaml"), stringify({ clusters: { test: config } }));
  const resolved = await resolveCluster(fakeRuntime({ cwd: folder }), { config: undefined, cluster: undefined });
  const client = await connectCluster(resolved, { ...deps, purpose: "test", cwd: folder });
  ends.push(() => client.close());
  await client.ensureCollection("docs", { size: 8, distance: "Cosine" });
  const checker = await openChecker({ cluster: resolved, collections: ["docs"], dir: folder }, { ...deps, cwd: folder });
  const now = () => realClock.monotonicUs();
  const told = async (op: "upsert" | "delete", keys: readonly string[], write: () => ReturnType<ClusterClient["delete"]>) => {
    const startUs = now();
    const { acknowledged, failed, version } = await write();
    const outcome = failed.length > 0 ? "write-failed" : "ok";
    checker.observe([{ scenario: "test", op, keys: [...keys], version, startUs, endUs: now(), outcome, acknowledged }]);
  };
  return {
    client,
    checker,
    nodes,
    proxies,
    upsert: (keys) =>
      told("upsert", keys, () =>
        client.upsert(
          "docs",
          keys.map((key, at) => ({ key, vector: vectors[at % vectors.length]! })),
        ),
      ),
    remove: (keys) => told("delete", keys, () => client.delete("docs", keys)),
    async fetch(keys) {
      const startUs = now();
      const records = await client.fetch("docs", keys);
      const hits = records.map(({ key, version = 0 }) => ({ key, version }));
      checker.observe([{ scenario: "test", op: "fetch", keys: [...keys], startUs, endUs: now(), outcome: "ok", hits }]);
    },
  };
}

const keysOf = (from: number, count: number) => Array.from({ length: count }, (_, i) => `key ${from + i}`);
const honest: Lies = {};
const clean = {
  lost: 0,
  lostEverywhere: 0,
  doubled: 0,
  stale: 0,
  staleWithinLease: 0,
  unaudited: 0,
  notServing: [],
  examples: [],
};
const timeout = 120_000;

describe("against a store that lies", () => {
  test(
    "one of 10,000 acknowledged writes that a replica swallowed: that one, on that replica, and nothing more",
    { timeout },
    async () => {
      const victim = "key 6543";
      const swallow = ({ id }: { id: number | string }) => id === pointIdOf(victim);
      const { checker, upsert, fetch, proxies } = await cluster([honest, { swallow }], 2);
      for (let from = 0; from < 10_000; from += 200) {
        await upsert(keysOf(from, 200));
        if (from % 1000 === 0) await fetch(keysOf(Math.max(0, from - 200), 20));
      }
      expect(proxies[1]!.told.swallow).toHaveLength(1);
      expect(await checker.audit()).toMatchObject({
        ...clean,
        acknowledged: 10_000,
        unknown: 0,
        keys: 10_000,
        lost: 1,
        copies: 20_000,
        examples: [{ kind: "lost", collection: "docs", key: victim, finding: "missing", nodes: ["n2"], foundVersion: null }],
      });
    },
  );

  test("an update that every replica swallowed: lost everywhere, older than acknowledged", { timeout }, async () => {
    const victim = "key 77";
    let armed = false;
    const swallow = ({ id }: { id: number | string }) => armed && id === pointIdOf(victim);
    const { checker, upsert } = await cluster([{ swallow }, { swallow }], 2);
    await upsert(keysOf(0, 200));
    armed = true;
    await upsert(keysOf(50, 100));
    const found = await checker.audit();
    expect(found).toMatchObject({
      ...clean,
      acknowledged: 300,
      keys: 200,
      lost: 1,
      lostEverywhere: 1,
      examples: [{ kind: "lost", key: victim, finding: "older", nodes: ["n1", "n2"] }],
    });
    const [{ expectedVersion, foundVersion } = { expectedVersion: 0, foundVersion: 0 }] = found.examples;
    expect(foundVersion).toBeLessThan(expectedVersion!);
  });

  test.each([
    ["an old version", "answerOld", "older"],
    ["nothing", "hide", "missing"],
  ] as const)("a read that is answered with %s, once: one stale read", { timeout }, async (_, lie, finding) => {
    const victim = "key 42";
    let left = 0;
    const lies = { [lie]: ({ id }: { id: number | string }) => id === pointIdOf(victim) && left-- > 0 };
    const { checker, upsert, fetch } = await cluster([lies, lies], 2);
    await upsert(keysOf(0, 100));
    await upsert(keysOf(0, 100));
    await fetch(keysOf(0, 100));
    left = 1;
    await fetch(keysOf(30, 30));
    left = 0;
    await fetch(keysOf(0, 100));
    expect(await checker.audit()).toMatchObject({
      ...clean,
      acknowledged: 200,
      reads: 230,
      stale: 1,
      staleWithinLease: 1,
      examples: [{ kind: "stale", key: victim, finding, how: "fetch" }],
    });
  });

  test("a deletion that a replica acknowledged and did not do", { timeout }, async () => {
    const keep = (id: number | string) => id === pointIdOf("key 3");
    const { checker, upsert, remove } = await cluster([honest, { keep }, honest], 3);
    await upsert(keysOf(0, 50));
    await remove(keysOf(0, 10));
    expect(await checker.audit()).toMatchObject({
      ...clean,
      acknowledged: 60,
      keys: 50,
      lost: 1,
      examples: [{ kind: "lost", key: "key 3", finding: "undeleted", nodes: ["n2"] }],
    });
  });

  test("a key that is there under a second id", { timeout }, async () => {
    const { checker, upsert, nodes, client } = await cluster([honest, honest], 2);
    await upsert(keysOf(0, 300));
    const [record] = await client.fetch("docs", ["key 200"], { withVector: true });
    const twin = { id: 4_711, vector: [...record!.vector!], payload: record!.payload };
    const answer = await fetch(`${nodes[0]!.url}/collections/docs/points?wait=true`, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ points: [twin] }),
    });
    expect(answer.status).toBe(200);
    expect(await checker.audit()).toMatchObject({
      ...clean,
      doubled: 1,
      examples: [{ kind: "doubled", key: "key 200", finding: "under two ids", nodes: ["n1"] }],
    });
  });
});

describe("against a cluster that does not", () => {
  test("a node killed in the middle: nothing lost, nothing stale; what it missed is not its to serve", { timeout }, async () => {
    const { checker, upsert, fetch, remove, nodes } = await cluster([honest, honest, honest], 2);
    for (let from = 0; from < 1_000; from += 50) await upsert(keysOf(from, 50));
    let killed: Promise<void> | undefined;
    const writes: Promise<void>[] = [];
    for (let from = 500; from < 2_000; from += 50) {
      if (from === 1_000) killed = nodes[1]!.kill();
      writes.push(upsert(keysOf(from, 50)), fetch(keysOf(from - 500, 20)));
      if (from % 200 === 0) await Promise.all(writes.splice(0));
    }
    await Promise.all([...writes, killed]);
    await remove(keysOf(100, 100));
    await fetch(keysOf(0, 300));
    const found = await checker.audit();
    expect(found).toMatchObject({ ...clean, keys: 2_000, unknown: 0, notServing: ["n2"] });
    expect(found.copies).toBeLessThan(4_000);
    expect(found.copies).toBeGreaterThanOrEqual(2_000);
  });

  test("a node that does not answer the audit: its copies are not looked at, and not called lost", { timeout }, async () => {
    const { checker, upsert, nodes } = await cluster([honest, honest], 2);
    await upsert(keysOf(0, 20));
    await nodes[1]!.kill();
    expect(await checker.audit()).toMatchObject({ ...clean, keys: 20, copies: 20, unaudited: 20 });
  });

  test(
    "what a load run writes over and over, and reads back: every operation is held against the others",
    { timeout },
    async () => {
      const { checker, client, nodes, upsert } = await cluster([honest, honest, honest], 2);
      await upsert(["here before"]);
      const packed = packVectors(vectors);
      const written = writtenKeysBytes();
      const common = {
        cluster: client.cluster,
        cwd: dirname(client.cluster.source.file!),
        choice: { kind: "sequential" as const },
        collection: "docs",
      };
      const tag = "f00d0001";
      const scenario = (name: string, iterations: number, operation: ScenarioSpec["operation"]): ScenarioSpec => ({
        name,
        tags: {},
        executor: {
          kind: "shared-iterations",
          vus: 4,
          iterations,
          thinkUs: 5_000,
          counter: new SharedArrayBuffer(8),
          warmupUs: 0,
          durationUs: 60_000_000,
        },
        operation,
        workers: 1,
        timeoutUs: 20_000_000,
        maxInFlight: 4,
        seed: 1,
      });
      const scenarios = [
        scenario("writes", 600, { ...common, kind: "upsert", vectors: packed, batch: 1, tag, keys: 50, written }),
        scenario("reads", 600, { ...common, kind: "fetch", keys: ["here before"], batch: 2, own: { share: 0.9, tag, written } }),
        scenario("searches", 300, { ...common, kind: "search", k: 10, queries: packed, partialIsOk: false }),
      ];
      let observed = 0;
      let killed: Promise<void> | undefined;
      const { counts } = await runLoad(
        { scenarios, thresholds: [], seed: 1 },
        {
          ...deps,
          target: { kind: "http", url: nodes[0]!.url, method: "POST", bodyBytes: 0 },
          urls: [nodes[0]!.url],
          versions: { node: process.versions.node },
          platform: process.platform,
          onObserved: (operations) => {
            checker.observe(operations);
            observed += operations.length;
            if (observed > 500) killed ??= nodes[2]!.kill();
          },
        },
      );
      await killed;
      expect(counts).toMatchObject({ completed: 1_500, errors: 0 });
      const found = await checker.audit();
      expect(found).toMatchObject({ ...clean, acknowledged: 601, keys: 51, notServing: ["n3"] });
      // Fetches of own keys, and hits of searches.
      expect(found.reads).toBeGreaterThan(1_000);
    },
  );
});
