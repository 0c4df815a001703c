import { afterAll, beforeAll, expect, test } from "vitest";
import { createPool } from "../../src/http/pool.ts";
import { createPlacement, createStamper, loadHashes } from "../../src/sharding/index.ts";
import { driverFor } from "../../src/stores/index.ts";
import { clusteredVectors } from "../helpers/vectors.ts";
import { dim, startShardCluster, type ShardCluster } from "./shard-set-up.ts";

let cluster: ShardCluster;
beforeAll(async () => {
  cluster = await startShardCluster({ nodes: 2, replicas: 1, points: 10 });
}, 120_000);
afterAll(() => cluster?.stop(), 60_000);

/** A collection as an application makes one that shards by itself: on n1 and n2, the ids are the keys. `stray`: one point is on the wrong node. */
async function make(collection: string, stray: boolean): Promise<void> {
  await loadHashes();
  const driver = driverFor(cluster.cluster);
  const face = driver.data(collection);
  const { hash, virtualNodes } = cluster.cluster.routing;
  const partitioner = { kind: "ring" as const, hash, virtualNodes };
  const placement = createPlacement({ partitioner, members: [{ id: "n1" }, { id: "n2" }], replicas: 1 });
  const stamper = createStamper(partitioner, "Cosine");
  const vector = clusteredVectors({ size: dim, clusters: 3, seed: 5 });
  for (const { id, url } of cluster.cluster.nodes.slice(0, 2)) {
    await driver.control({ id, url }).createCollection(collection, { size: dim, distance: "Cosine" });
    const points = Array.from({ length: 200 }, (_, n) => ({ id: n, vector: vector(), payload: { text: `point ${n}` } }));
    const mine = points.filter(
      (point) => (placement.ownersOfHash(stamper.hashOf(String(point.id)))[0] === id) !== (stray && point.id === 7),
    );
    const pool = createPool({ origin: url });
    expect((await pool.send(face.prepareUpsert(mine, { wait: true }), { timeoutMs: 5_000 })).status).toBe(200);
    await pool.close();
  }
}

test("a collection that an application sharded is adopted, and can be moved", { timeout: 120_000 }, async () => {
  await make("theirs", false);
  const adopted = await cluster.cli(["shard", "adopt", "--collection", "theirs", "--yes", "--json"]);
  expect(adopted.exitCode, adopted.stdout).toBe(0);
  expect(adopted.json().result).toMatchObject({ points: 200, stamped: 200, members: ["n1", "n2"], joining: ["n3"] });
  const verify = async () => (await cluster.cli(["shard", "verify", "--collection", "theirs", "--json"])).json().result;
  expect(await verify()).toMatchObject({ clean: true, checked: 200 });
  const [one] = await cluster.client.fetch("theirs", ["17"]);
  expect(one).toMatchObject({ id: 17, key: "17", version: 1, payload: { text: "point 17" } });
  expect((await cluster.cli(["shard", "plan", "--collection", "theirs", "-o", "theirs.json"])).exitCode).toBe(0);
  expect((await cluster.cli(["shard", "apply", "theirs.json", "--yes"])).exitCode).toBe(0);
  const after = await verify();
  expect(after).toMatchObject({ clean: true, checked: 200 });
  expect(after.nodes.find(({ id }: { id: string }) => id === "n3").points).toBeGreaterThan(20);
  expect((await cluster.cli(["shard", "adopt", "--collection", "theirs", "--yes"])).exitCode).toBe(7);
});

test("one whose points lie elsewhere is refused, and nothing is written", { timeout: 120_000 }, async () => {
  await make("astray", true);
  const run = await cluster.cli(["shard", "adopt", "--collection", "astray", "--yes", "--json"]);
  expect([run.exitCode, run.json().error.code]).toEqual([7, "placement-differs"]);
  expect(run.json().error.message).toContain("7 is on n");
  expect(await cluster.client.table("astray")).toBeUndefined();
  expect((await cluster.cli(["shard", "adopt", "--collection", "nowhere", "--yes"])).exitCode).toBe(2);
});
