import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bulkWriter } from "../../src/cache/bulk/writer.ts";
import { openLayer } from "../../src/cache/open-layer.ts";
import { redisLink } from "../../src/cache/redis-link.ts";
import { redisTarget } from "../../src/cache/redis-target.ts";
import { slotOf } from "../../src/cache/slot.ts";
import { clusterSchema } from "../../src/config/schema.ts";
import { realClock, seededRng } from "../../src/runtime.ts";
import { runCli } from "../helpers/fake-runtime.ts";
import { startRedisCluster, type TestRedisCluster } from "../helpers/redis-cluster.ts";
import { serviceBinary, skipReason } from "../helpers/service.ts";
import { tempDir } from "../helpers/temp-dir.ts";

const bytes = (text: string) => Buffer.from(text);

describe.skipIf(!serviceBinary("redis-server"))(`a Redis Cluster of six${skipReason("redis-server")}`, () => {
  let redis: TestRedisCluster;
  beforeAll(async () => {
    redis = await startRedisCluster();
  }, 90_000);
  afterAll(async () => await redis?.stop());

  const config = (more: object = {}) => ({
    topology: "routed",
    store: { driver: "qdrant" },
    nodes: [{ id: "a", url: "http://127.0.0.1:1" }],
    cache: { driver: "redis", cluster: redis.urls },
    ...more,
  });
  const layerOf = () => openLayer({ cache: clusterSchema.parse(config()).cache! }, { clock: realClock, rng: seededRng(1) });
  const project = (more: object = {}) => tempDir({ "ragctl.config.json": JSON.stringify({ clusters: { prod: config(more) } }) });
  const linkTo = () => redisLink(redisTarget({ driver: "redis", cluster: redis.urls }), { clock: realClock });

  test("slots are those that the cluster computes", async () => {
    const [port] = await redis.primaries();
    for (const key of ["", "a", "rag:result:1", "{tag}:x", "a{tag}b{other}", "{}x", "x{}{y}", "é", "{é}1"])
      expect([key, slotOf(key)]).toEqual([key, Number(await redis.cli(port!, "cluster", "keyslot", key))]);
  });

  test("stats of every primary, and invalidation on each: dry run, protected, paced, whole", async () => {
    const layer = await layerOf();
    for (let at = 0; at < 600; at++) await layer.set(at % 2 ? "result" : "answer", `q${at}`, bytes("x".repeat(2000)));
    await layer.close();
    const cwd = project();
    const stats = await runCli(["cache", "stats", "--json"], { cwd });
    const { nodes, total, expiry } = stats.json().result;
    expect(nodes).toHaveLength(3);
    expect(nodes.every((node: { keys: number }) => node.keys > 120)).toBe(true);
    expect(total.keys).toBe(600);
    expect(expiry.reduce((sum: number, { keys }: { keys: number }) => sum + keys, 0)).toBe(600);
    const shown = await runCli(["cache", "stats"], { cwd });
    expect(shown.exitCode).toBe(0);
    expect(shown.stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);

    const dry = await runCli(["cache", "invalidate", "--kind", "answer", "--dry-run", "--json"], { cwd });
    expect(dry.json().result).toMatchObject({ matched: 300, unlinked: 0, dryRun: true });
    const unasked = await runCli(["cache", "invalidate", "--kind", "answer"], { cwd });
    expect([unasked.exitCode, unasked.stderr]).toEqual([7, expect.stringContaining("removing 300 keys of the cache")]);
    const guarded = project({ protected: true });
    const named = await runCli(["cache", "invalidate", "--kind", "answer", "--yes"], { cwd: guarded });
    expect([named.exitCode, named.stderr]).toEqual([7, expect.stringContaining("--confirm prod says that you mean it")]);

    const startMs = realClock.nowMs();
    const args = ["cache", "invalidate", "--kind", "answer", "--confirm", "prod", "--rate", "300", "--json"];
    const gone = await runCli(args, { cwd: guarded });
    expect(gone.json().result).toMatchObject({ matched: 300, unlinked: 300, failed: 0, dryRun: false });
    expect(realClock.nowMs() - startMs).toBeGreaterThan(900);
    const rest = await runCli(["cache", "invalidate", "--dry-run", "--json"], { cwd });
    expect(rest.json().result.matched).toBe(300);
    const all = await runCli(["cache", "invalidate", "--pattern", "*", "--yes", "--json"], { cwd });
    expect(all.json().result).toMatchObject({ unlinked: 300, failed: 0 });
  }, 60_000);

  test("cache bench measures gets and sets apart, and leaves nothing behind", async () => {
    const cwd = project();
    const args = ["--rps", "200", "--duration", "1s", "--warmup", "200ms", "--keys", "500", "--threshold", "errors<5%", "--json"];
    const run = await runCli(["cache", "bench", ...args], { cwd });
    expect(run.exitCode).toBe(0);
    const { counts, scenarios } = run.json().result;
    expect(counts.errors).toBe(0);
    expect(scenarios.map(({ name }: { name: string }) => name).toSorted()).toEqual(["get", "set"]);
    const left = await runCli(["cache", "invalidate", "--pattern", "load:*", "--dry-run", "--json"], { cwd });
    expect(left.json().result.matched).toBe(0);
  }, 60_000);

  test("a slot that moves while it is written and read loses nothing", async () => {
    const link = await linkTo();
    const writer = bulkWriter(link, realClock);
    const layer = await layerOf();
    const tag = "{moving}";
    const slot = slotOf(tag);
    const key = (at: number) => `${tag}:${at}`;
    const primaries = await redis.primaries();
    const owner = (await link.ask(() => link.client.set(key(0), "x", "PX", 60_000)), link.addressOf(key(0)));
    const from = primaries.find((port) => owner.endsWith(`:${port}`))!;
    const to = primaries.find((port) => port !== from)!;
    const [fromId, toId] = await Promise.all([from, to].map(async (port) => (await redis.cli(port, "cluster", "myid")).trim()));
    try {
      const send = (begin: number) =>
        writer.write(
          Array.from({ length: 100 }, (_, at) => ({ key: key(begin + at), value: bytes(`${begin + at}`), ttlMs: 600_000 })),
        );
      expect(await send(0)).toMatchObject({ written: 100, retried: 0 });
      await redis.cli(to, "cluster", "setslot", String(slot), "importing", fromId!);
      await redis.cli(from, "cluster", "setslot", String(slot), "migrating", toId!);
      // Half of the keys are there, half here: ASK for those that are not.
      for (let at = 0; at < 50; at++) await redis.cli(from, "migrate", "127.0.0.1", String(to), key(at), "0", "5000");
      expect(await send(0)).toMatchObject({ written: 100, failures: [] });
      expect(await send(100)).toMatchObject({ written: 100, failures: [] });
      const held = await Promise.all(Array.from({ length: 200 }, (_, at) => link.ask(() => link.client.get(key(at)))));
      expect(held).toEqual(Array.from({ length: 200 }, (_, at) => String(at)));
      const rest = (await redis.cli(from, "cluster", "getkeysinslot", String(slot), "1000")).trim().split("\n").filter(Boolean);
      for (const each of rest) await redis.cli(from, "migrate", "127.0.0.1", String(to), each, "0", "5000");
      for (const port of [to, from]) await redis.cli(port, "cluster", "setslot", String(slot), "node", toId!);
      expect(await send(200)).toMatchObject({ written: 100, failures: [] });
      const after = await Promise.all(Array.from({ length: 300 }, (_, at) => link.ask(() => link.client.get(key(at)))));
      expect(after).toEqual(Array.from({ length: 300 }, (_, at) => String(at)));
      const run = await runCli(["cache", "invalidate", "--pattern", "{moving}:*", "--yes", "--json"], { cwd: project() });
      expect(run.json().result).toMatchObject({ unlinked: 300, failed: 0 });
    } finally {
      await layer.close();
      writer.close();
      link.close();
    }
  }, 120_000);

  test("kill -9 of a primary: reads and computations go on from memory, bulk writes are finished after the failover", async () => {
    const layer = await layerOf();
    const link = await linkTo();
    const writer = bulkWriter(link, realClock);
    try {
      const compute = async () => bytes("answer");
      for (let at = 0; at < 300; at++) await layer.getOrCompute("result", `q${at}`, compute);
      const [victim] = await redis.primaries();
      await redis.at(victim!).kill();
      const writing = writer.write(
        Array.from({ length: 3000 }, (_, at) => ({ key: `bulk:${at}`, value: bytes(`${at}`), ttlMs: 600_000 })),
      );
      for (let at = 0; at < 300; at++) {
        const { value } = await layer.getOrCompute("result", `q${at}`, compute);
        expect(value).toEqual(bytes("answer"));
      }
      const { memoryOnly, computed } = layer.report();
      expect(memoryOnly.length).toBeGreaterThan(0);
      expect(memoryOnly.some(({ where }) => where.endsWith(`:${victim}`))).toBe(true);
      expect(computed).toBe(300);
      const { written, retried, failures } = await writing;
      expect({ written, failures }).toEqual({ written: 3000, failures: [] });
      expect(retried).toBeGreaterThan(500);
      const held = await Promise.all(Array.from({ length: 3000 }, (_, at) => link.ask(() => link.client.get(`bulk:${at}`))));
      expect(held.filter((value, at) => value !== String(at))).toEqual([]);
      const keptFromRedis = async () => {
        const before = layer.report().stored.memoryOnly;
        for (let at = 0; at < 60; at++) await layer.getOrCompute("result", `again ${realClock.nowMs()} ${at}`, compute);
        return layer.report().stored.memoryOnly - before;
      };
      await expect.poll(keptFromRedis, { timeout: 60_000, interval: 500 }).toBe(0);
      // The one that was killed never comes back; its replica has taken over, and the episode is over.
      expect(layer.report().memoryOnly.filter(({ untilMs }) => untilMs === undefined)).toEqual([]);
    } finally {
      writer.close();
      link.close();
      await layer.close();
    }
  }, 120_000);
});
