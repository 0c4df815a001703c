import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startLocalCluster, type LocalCluster } from "../helpers/local-cluster.ts";
import { serviceBinary, skipReason } from "../helpers/service.ts";

const slow = 180_000;
const withRedis = serviceBinary("redis-server") ? test : test.skip;
let cluster: LocalCluster;
let redis: Redis;

beforeAll(async () => {
  if (!serviceBinary("redis-server")) return;
  cluster = await startLocalCluster({ nodes: 2, replicas: 2, cache: "redis" });
  redis = new Redis(cluster.status.cache.endpoints[0], { maxRetriesPerRequest: 50 });
  redis.on("error", () => undefined);
}, slow);
afterAll(async () => {
  redis?.disconnect();
  await cluster?.stop();
}, slow);

const fill = async () => {
  const pipeline = redis.pipeline();
  for (let key = 0; key < 3_000; key++) pipeline.set(`rag:answer:${key}`, "x");
  await pipeline.set("somebody:else", "y").exec();
};

withRedis(
  `cache-flush is asked for twice, and takes the cache's own keys alone${skipReason("redis-server")}`,
  { timeout: slow },
  async () => {
    await fill();
    for (const argv of [["cache-flush"], ["cache-flush", "--yes"]]) {
      const refused = await cluster.cli(["chaos", ...argv, "--no-input"]);
      expect(refused.exitCode, refused.stderr).toBe(7);
    }
    expect(await redis.dbsize()).toBe(3_001);
    const run = await cluster.cli(["chaos", "cache-flush", "--yes", "--confirm", "local", "--json"]);
    expect(run.exitCode, run.stderr).toBe(0);
    expect(run.json().result).toMatchObject({ fault: "cache-flush", healed: false, healedAt: null, probe: "gone" });
    expect(await redis.keys("*")).toEqual(["somebody:else"]);
    expect((await cluster.cli(["chaos", "status", "--json"])).json().result).toEqual({ active: [], broken: [] });
    await cluster.cli(["chaos", "cache-flush", "--everything", "--yes", "--confirm", "local"]);
    expect(await redis.dbsize()).toBe(0);
  },
);

withRedis("cache-down: killed it comes back empty, cut off it comes back as it was", { timeout: slow }, async () => {
  await fill();
  const cut = await cluster.cli(["chaos", "cache-down", "--how", "partition", "--for", "1s", "--json"]);
  expect(cut.json()).toMatchObject({ exitCode: 0, result: { healed: true, targets: [{ node: "cache", kind: "proxy" }] } });
  expect(await redis.dbsize()).toBe(3_001);
  const killed = await cluster.cli(["chaos", "cache-down", "--for", "1s", "--json"]);
  expect(killed.json()).toMatchObject({ exitCode: 0, result: { healed: true, targets: [{ node: "cache", kind: "process" }] } });
  expect(await redis.dbsize()).toBe(0);
});

withRedis("chaos targets: what is possible where, by which way", { timeout: slow }, async () => {
  const { targets } = (await cluster.cli(["chaos", "targets", "--json"])).json().result;
  expect(targets.map(({ id, role }: any) => [id, role])).toEqual([
    ["n1", "node"],
    ["n2", "node"],
    ["cache", "cache"],
  ]);
  const by = (index: number) => Object.fromEntries(targets[index].faults.map((each: any) => [each.fault, each.by]));
  expect(by(0)).toMatchObject({ "kill-node": "process", partition: "proxy", exhaust: "process" });
  expect(by(2)).toEqual({ "cache-down": "process", "cache-flush": "service", "cache-slow": "proxy" });
  const { stdout } = await cluster.cli(["chaos", "targets"]);
  expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
});
