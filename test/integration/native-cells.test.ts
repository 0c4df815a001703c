import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { connectCluster, openClusterState, type ClusterClient } from "../../src/cluster/index.ts";
import { configSchema, type ClusterConfig } from "../../src/config/schema.ts";
import { realClock, seededRng } from "../../src/runtime.ts";
import { runCli } from "../helpers/fake-runtime.ts";
import { foundTable } from "../../src/sharding/native-table.ts";
import { loadHashes } from "../../src/sharding/hash.ts";
import { QdrantStandIn, type StandInOptions } from "../helpers/qdrant-cluster.ts";
import { tempDir } from "../helpers/temp-dir.ts";

/** A native collection whose cells are shard keys, against the stand-in for Qdrant's cluster. */

const dim = 3;
/** Three cells on the axes. */
const centroids = [
  [1, 0, 0],
  [0, 1, 0],
  [0, 0, 1],
];
let cluster: QdrantStandIn;
const clients: ClusterClient[] = [];
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await cluster.stop();
  expect(cluster.findings, "by Qdrant's own API description").toEqual([]);
});

async function setUp(options: Partial<StandInOptions> = {}) {
  await loadHashes();
  cluster = await QdrantStandIn.start({ peers: 3, shards: [[0], [1], [2]], points: [0, 0, 0], size: dim, ...options });
  const nodes = cluster.peers.map(({ url }, at) => ({ id: `q${at + 1}`, url }));
  const prod = { topology: "native", store: { driver: "qdrant", collection: "docs", timeout: "2s" }, nodes };
  const document = { clusters: { prod }, default: "prod" };
  const cwd = tempDir({ "ragctl.config.json": JSON.stringify(document) });
  const source = { kind: "config" as const, file: join(cwd, "ragctl.config.json") };
  const config: ClusterConfig = { ...configSchema.parse(document).clusters["prod"]!, name: "prod", source };
  const connect = async () => {
    const client = await connectCluster(config, { clock: realClock, rng: seededRng(1), purpose: "test", cwd });
    clients.push(client);
    return client;
  };
  return { config, cwd, connect };
}

/** As a change leaves it: a collection by cells, its table, and the alias. */
async function keyed(probes?: number) {
  const { config, cwd, connect } = await setUp();
  const call = async (method: string, path: string, body: object) => {
    const answer = await fetch(`${cluster.peers[0]!.url}${path}`, { method, body: JSON.stringify(body) });
    expect(answer.status, await answer.text()).toBe(200);
  };
  await call("PUT", "/collections/cells", { vectors: { size: dim, distance: "Cosine" }, sharding_method: "custom" });
  for (const cell of centroids.keys()) await call("PUT", "/collections/cells/shards", { shard_key: `cell-${cell}` });
  const state = await openClusterState(config, { clock: realClock, cwd });
  const found = foundTable("docs", { size: dim, distance: "Cosine" }, { hash: "xxh32" });
  await state.createTable({
    ...found,
    physical: "cells",
    partitioner: { kind: "semantic", hash: "xxh32", modelId: "m", centroids, ...(probes !== undefined && { probes }) },
  });
  return { state, cwd, connect, client: await connect() };
}

const held = (collection: string) =>
  Object.fromEntries(
    [...cluster.collections.get(collection)!.shards.values()].map(({ key, data }) => [String(key), [...(data?.keys() ?? [])]]),
  );
const searches = () => [...cluster.collections.get("cells")!.shards.values()].map((shard) => shard.searches ?? 0);

describe("a client of a collection whose cells are shard keys", () => {
  it("writes each point under its cell's key, and asks those that it probes", async () => {
    const { client } = await keyed(1);
    const written = await client.upsert("docs", [
      { key: "1", vector: [1, 0.1, 0] },
      { key: "2", vector: [0.1, 1, 0] },
      { key: "3", vector: [0, 0.1, 1] },
      { key: "4", vector: [0.2, 1, 0] },
    ]);
    expect(written).toMatchObject({ failed: [], acknowledged: expect.arrayContaining(["1", "2", "3", "4"]) as string[] });
    expect(held("cells")).toEqual({ "cell-0": [1], "cell-1": [2, 4], "cell-2": [3] });
    const ask = async (vector: number[], more = {}) =>
      (await client.search(client.prepareSearch("docs", vector, { k: 3, ...more }))).hits.map(({ id }) => id);
    expect(await ask([0, 1, 0])).toEqual([2, 4]);
    expect(searches()).toEqual([0, 1, 0]);
    // What asks for the truth means all of it.
    expect(await ask([0, 1, 0], { exact: true })).toHaveLength(3);
    expect(searches()).toEqual([1, 2, 1]);
    expect(await client.count("docs")).toBe(4);
    expect((await client.fetch("docs", ["1", "3"])).map(({ key }) => key).toSorted()).toEqual(["1", "3"]);
    const scrolled = [];
    for await (const page of client.scroll("docs", { pageSize: 3 })) scrolled.push(...page.map(({ key }) => key));
    expect(scrolled).toEqual(["1", "2", "3", "4"]);
    expect(await client.collections()).toEqual(["docs"]);
  });

  it("takes a point away from the cell that it leaves, once it is in the other", async () => {
    const { client } = await keyed();
    await client.upsert("docs", [{ key: "1", vector: [1, 0, 0] }]);
    const order: string[] = [];
    cluster.onPoints = ({ method, path }) => {
      order.push(`${method} ${path.split("/points")[1]!.split("?")[0]}`);
      return "good";
    };
    const moved = await client.upsert("docs", [{ key: "1", vector: [0, 0, 1] }]);
    expect(moved.acknowledged).toEqual(["1"]);
    expect(order).toEqual(["POST ", "PUT ", "POST /delete"]);
    expect(held("cells")).toEqual({ "cell-0": [], "cell-1": [], "cell-2": [1] });
    expect((await client.delete("docs", ["1"])).acknowledged).toEqual(["1"]);
    expect(held("cells")).toEqual({ "cell-0": [], "cell-1": [], "cell-2": [] });
  });

  it("never deletes what is newer: of two writers of one key at one instant, one stays", async () => {
    const { client, connect } = await keyed();
    const other = await connect();
    await client.upsert("docs", [{ key: "1", vector: [0, 1, 0] }]);
    const rng = seededRng(3);
    for (let round = 0; round < 10; round++) {
      cluster.onPoints = async () => {
        await realClock.sleep(rng() * 5);
        return "good" as const;
      };
      const results = await Promise.all([
        client.upsert("docs", [{ key: "1", vector: [1, 0, 0] }]),
        other.upsert("docs", [{ key: "1", vector: [0, 0, 1] }]),
      ]);
      expect(results.flatMap(({ failed }) => failed)).toEqual([]);
      expect(await client.fetch("docs", ["1"]), `round ${round}`).toHaveLength(1);
    }
  });

  it("a writer whose clock runs behind is not overruled by what was there", async () => {
    const { client, connect } = await keyed();
    await client.upsert("docs", [{ key: "1", vector: [1, 0, 0] }]);
    const before = (await client.fetch("docs", ["1"]))[0]!.version!;
    // An hour ahead of everybody.
    const shard = cluster.collections.get("cells")!.shards.get(0)!;
    shard.data!.get(1)!.payload["_ragctl_v"] = before + 3_600_000 * 4096;
    const late = await connect();
    expect((await late.upsert("docs", [{ key: "1", vector: [0, 1, 0] }])).acknowledged).toEqual(["1"]);
    expect(held("cells")).toEqual({ "cell-0": [], "cell-1": [1], "cell-2": [] });
  });

  it("a write that fails does not take away what was there", async () => {
    const { client } = await keyed();
    await client.upsert("docs", [{ key: "1", vector: [1, 0, 0] }]);
    cluster.collections.get("cells")!.shards.delete(1);
    const failed = await client.upsert("docs", [{ key: "1", vector: [0, 1, 0] }]);
    expect(failed.acknowledged).toEqual([]);
    expect(failed.failed[0]!.reason).toContain("Shard key cell-1 not found");
    expect(held("cells")).toEqual({ "cell-0": [1], "cell-2": [] });
  });
});

it("shard plan takes in a new peer, by shards, whatever their keys, and searches go on by key", async () => {
  const { client, cwd, state } = await keyed(1);
  await state.close();
  const records = Array.from({ length: 60 }, (_, n) => ({ key: String(n), vector: centroids[n % 3]! }));
  expect((await client.upsert("docs", records)).failed).toEqual([]);
  // All on the first peer, as of a cluster that had one.
  const collection = cluster.collections.get("cells")!;
  const [first] = cluster.peers;
  for (const { replicas, points } of collection.shards.values()) {
    replicas.clear();
    replicas.set(first!.id, { state: "Active", points });
  }
  cluster.runFree();
  const run = async (...argv: string[]) => {
    const { exitCode, stderr, json } = await runCli([...argv, "--json"], { cwd });
    expect(exitCode, stderr).toBe(0);
    return json().result;
  };
  const planned = await run("shard", "plan", "-o", "plan.json");
  expect(planned.moves.map(({ kind, to }: { kind: string; to: string }) => `${kind} ${to}`).toSorted()).toEqual([
    "move-shard q2",
    "move-shard q3",
  ]);
  expect(await run("shard", "apply", "plan.json", "--yes")).toMatchObject({ state: "finished", collection: "cells" });
  expect(await run("shard", "verify", "--plan", "plan.json")).toMatchObject({ clean: true });
  expect(await run("rebalance", "verify")).toMatchObject({ clean: true, checked: 60 });
  expect(await run("shard", "status")).toMatchObject({ native: { quorum: true } });
  expect(cluster.placement("cells").toSorted((a, b) => Number(a[0]) - Number(b[0]))).toEqual([["0"], ["1"], ["2"]]);
  expect(Object.keys(held("cells"))).toEqual(["cell-0", "cell-1", "cell-2"]);
  const { hits } = await client.search(client.prepareSearch("docs", [0, 1, 0], { k: 30 }));
  expect(hits.every(({ id }) => Number(id) % 3 === 1)).toBe(true);
  expect(searches()).toEqual([0, 1, 0]);
});

it("what a writer that died has left under two keys is found, and the older copy deleted", async () => {
  const { client, cwd } = await keyed();
  await client.upsert("docs", [
    { key: "1", vector: [1, 0, 0] },
    { key: "2", vector: [0, 1, 0] },
  ]);
  const shards = [...cluster.collections.get("cells")!.shards.values()];
  const old = shards[0]!.data!.get(1)!;
  shards[2]!.data!.set(1, {
    ...old,
    payload: { ...old.payload, _ragctl_cell: 2, _ragctl_v: (old.payload["_ragctl_v"] as number) - 1 },
  });
  const verify = async (...argv: string[]) => (await runCli(["rebalance", "verify", ...argv, "--json"], { cwd })).json();
  // Of two writers at one instant, neither is the newer.
  const other = shards[1]!.data!.get(2)!;
  shards[2]!.data!.set(2, { ...other, payload: { ...other.payload, _ragctl_cell: 2 } });
  expect(await verify()).toMatchObject({ exitCode: 4, result: { clean: false, checked: 2, orphaned: 2 } });
  expect(await verify("--repair")).toMatchObject({ exitCode: 0, result: { clean: true, repaired: { deleted: 2 } } });
  expect(held("cells")).toEqual({ "cell-0": [1], "cell-1": [2], "cell-2": [] });
});
