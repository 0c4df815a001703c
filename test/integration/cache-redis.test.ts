import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { Redis } from "ioredis";
import { bulkWriter } from "../../src/cache/bulk/writer.ts";
import type { CacheLayer } from "../../src/cache/contract.ts";
import { openLayer } from "../../src/cache/open-layer.ts";
import { popularityKeys, redisPopularity } from "../../src/cache/popularity/redis.ts";
import { redisLink } from "../../src/cache/redis-link.ts";
import { redisTarget } from "../../src/cache/redis-target.ts";
import { clusterSchema } from "../../src/config/schema.ts";
import { realClock, seededRng } from "../../src/runtime.ts";
import { runCli } from "../helpers/fake-runtime.ts";
import { freePort } from "../helpers/free-port.ts";
import { startSentinel, type TestSentinel } from "../helpers/redis-sentinel.ts";
import { startRedis, type TestRedis } from "../helpers/redis.ts";
import { serviceBinary, skipReason } from "../helpers/service.ts";
import { SimClock } from "../helpers/sim-clock.ts";
import { tempDir } from "../helpers/temp-dir.ts";

const bytes = (text: string) => Buffer.from(text);
const node = { id: "a", url: "http://127.0.0.1:1" };
const cluster = (cache: object, more: object = {}) => ({
  topology: "routed",
  store: { driver: "qdrant" },
  nodes: [node],
  cache,
  ...more,
});

const open: { close(): Promise<void> | void }[] = [];
async function layerOn(cache: object, seed = 1): Promise<CacheLayer> {
  const layer = await openLayer(
    { cache: clusterSchema.parse(cluster(cache)).cache! },
    { clock: realClock, rng: seededRng(seed) },
  );
  open.push(layer);
  return layer;
}
async function linkTo(url: string) {
  const link = await redisLink(redisTarget({ driver: "redis", url }), { clock: realClock });
  open.push(link);
  return link;
}
afterEach(async () => {
  await Promise.all(open.splice(0).map(async (each) => await each.close()));
});

/** A directory whose config has this cache. */
function project(cache: object): string {
  return tempDir({ "ragctl.config.json": JSON.stringify({ clusters: { prod: cluster(cache) } }) });
}

describe.skipIf(!serviceBinary("redis-server"))(`a single Redis${skipReason("redis-server")}`, () => {
  let redis: TestRedis;
  let raw: Redis;
  beforeAll(async () => {
    redis = await startRedis();
    raw = new Redis(redis.port);
  });
  afterAll(async () => {
    raw.disconnect();
    await redis.stop();
  });
  afterEach(async () => {
    await raw.config("SET", "maxmemory", "0");
    await raw.config("SET", "maxmemory-policy", "noeviction");
    await raw.flushall();
  });

  test("500 clients of five processes that ask for one missing key cause one backend call", async () => {
    const layers = await Promise.all([1, 2, 3, 4, 5].map((seed) => layerOn({ driver: "redis", url: redis.url }, seed)));
    const compute = vi.fn(async () => {
      await realClock.sleep(300);
      return bytes("found");
    });
    const answers = await Promise.all(
      Array.from({ length: 500 }, (_, at) => layers[at % 5]!.getOrCompute("result", "the same question", compute)),
    );
    expect(compute).toHaveBeenCalledTimes(1);
    expect(answers.every(({ value }) => value!.equals(bytes("found")))).toBe(true);
    expect(await raw.keys("*:lock")).toEqual([]);
  });

  test("keys, times and values are as applications expect them", async () => {
    const layer = await layerOn({ driver: "redis", url: redis.url, format: "raw", ttlJitter: "10%" });
    for (let at = 0; at < 100; at++) await layer.set("result", `q${at}`, bytes("plain"));
    await layer.set("embedding", "q", bytes("plain"));
    expect(layer.keyOf("result", "q1")).toMatch(/^rag:result:[0-9a-f]{64}$/);
    expect(await raw.get(layer.keyOf("result", "q1"))).toBe("plain");
    const ttls = await Promise.all(Array.from({ length: 100 }, (_, at) => raw.pttl(layer.keyOf("result", `q${at}`))));
    expect(Math.max(...ttls)).toBeLessThanOrEqual(3_600_000);
    expect(Math.min(...ttls)).toBeGreaterThan(0.88 * 3_600_000);
    expect(Math.max(...ttls) - Math.min(...ttls)).toBeGreaterThan(0.05 * 3_600_000);
    expect(await raw.pttl(layer.keyOf("embedding", "q"))).toBeGreaterThan(1.75 * 3_600_000);
  });

  test("a key of another type is computed, and what stands there stays", async () => {
    const layer = await layerOn({ driver: "redis", url: redis.url });
    await raw.rpush(layer.keyOf("result", "q"), "somebody's", "list");
    expect((await layer.getOrCompute("result", "q", async () => bytes("computed"))).from).toBe("computed");
    expect((await layer.getOrCompute("result", "q", async () => bytes("again"))).value).toEqual(bytes("computed"));
    expect(await raw.lrange(layer.keyOf("result", "q"), 0, -1)).toEqual(["somebody's", "list"]);
    expect(layer.report()).toMatchObject({ wrongType: 2, memoryOnly: [] });
  });

  test("a full Redis with noeviction is read, answered from memory, and named", async () => {
    const layer = await layerOn({ driver: "redis", url: redis.url });
    await layer.set("result", "old", bytes("old"));
    await raw.config("SET", "maxmemory", "1");
    const stored = await layer.set("result", "new", bytes("new"));
    expect(stored).toMatchObject({ in: "memory", reason: expect.stringMatching(/OOM .*noeviction: raise maxmemory/) });
    expect((await layer.get("result", "old"))!.from).toBe("redis");
    expect((await layer.getOrCompute("result", "other", async () => bytes("x"))).from).toBe("computed");
    expect(layer.report().memoryOnly).toEqual([]);
    const writer = bulkWriter(await linkTo(redis.url), realClock);
    open.push(writer);
    const { written, failures } = await writer.write([{ key: "k", value: bytes("v"), ttlMs: 1000 }]);
    expect([written, failures[0]!.error]).toMatchObject([0, { code: "cache-refused", exitCode: 3 }]);
    const bench = await runCli(["cache", "bench", "--keys", "10"], { cwd: project({ driver: "redis", url: redis.url }) });
    expect(bench.exitCode).toBe(3);
    expect(bench.stderr).toContain("noeviction");
  });

  test("a replica refuses writes, and the sentence says what to do", async () => {
    const replica = await startRedis(["--replicaof", "127.0.0.1", String(redis.port)]);
    try {
      await raw.set("rag:there", "1");
      const check = new Redis(replica.port);
      await expect.poll(() => check.get("rag:there"), { timeout: 20_000 }).toBe("1");
      check.disconnect();
      const layer = await layerOn({ driver: "redis", url: replica.url });
      const stored = await layer.set("result", "q", bytes("x"));
      expect(stored).toMatchObject({ in: "memory", reason: expect.stringMatching(/READONLY .*point the config at the primary/) });
      const cwd = project({ driver: "redis", url: replica.url });
      const run = await runCli(["cache", "invalidate", "--pattern", "rag:*", "--yes", "--json"], { cwd });
      expect(run.exitCode).toBe(3);
      expect(run.json().result).toMatchObject({ matched: 1, unlinked: 0, failed: 1 });
      expect(run.json().result.nodes[0].problem).toMatch(/READONLY/);
    } finally {
      await replica.stop();
    }
  });

  test("a password that expires in mid-run: work goes on from memory, and comes back", async () => {
    await raw.call("ACL", "SETUSER", "app", "on", ">first", "~*", "+@all");
    const url = `redis://app:first@127.0.0.1:${redis.port}`;
    const layer = await layerOn({ driver: "redis", url });
    await layer.set("result", "q", bytes("kept"));
    await raw.call("ACL", "SETUSER", "app", "resetpass", ">second");
    await raw.call("CLIENT", "KILL", "USER", "app");
    await expect.poll(async () => (await layer.get("result", "q"))!.from, { timeout: 20_000 }).toBe("memory");
    expect(layer.report().memoryOnly[0]!.problem).toMatch(/WRONGPASS/);
    const stats = await runCli(["cache", "stats"], { cwd: project({ driver: "redis", url }) });
    expect(stats.exitCode).toBe(3);
    expect(stats.stderr).toContain("check cache.password of the config");
    expect(stats.stderr).not.toContain("first@");
    await raw.call("ACL", "SETUSER", "app", ">first");
    await expect.poll(async () => (await layer.get("result", "q"))!.from, { timeout: 20_000 }).toBe("redis");
    expect(layer.report().memoryOnly.at(-1)!.untilMs).toBeDefined();
  });

  test("popularity: counted by all processes, with its text, the past counting for less, in bounded space", async () => {
    const clock = new SimClock();
    // Its own time decides of decay; the link's deadlines are the real clock's.
    const link = await linkTo(redis.url);
    const options = { link, base: "rag", keep: 50, halfLifeMs: 1000, clock };
    const [one, two] = [redisPopularity(options), redisPopularity(options)];
    for (let at = 0; at < 100; at++) {
      one.record("what is  lift?");
      two.record(`rare ${at}`);
    }
    two.record("what is lift?", 20);
    await Promise.all([one.flush(), two.flush()]);
    const first = await one.top(3);
    expect(first.queries[0]).toMatchObject({ query: "what is lift?" });
    const { count, error } = first.queries[0]!;
    expect(count).toBeGreaterThanOrEqual(120);
    expect(count - error).toBeLessThanOrEqual(120.000001);
    expect(error).toBeLessThanOrEqual(220 / 50);
    expect(first.references).toBeCloseTo(220, 6);
    expect((await one.top(1000)).queries).toHaveLength(50);
    expect(await raw.hlen(popularityKeys("rag").texts)).toBe(50);
    await clock.advance(2000);
    expect((await one.top(1)).queries[0]!.count).toBeCloseTo(count / 4, 6);
    // Three hundred half-lives on, nothing has overflowed and the old is forgotten.
    await clock.advance(300_000);
    two.record("new", 3);
    await two.flush();
    const later = await one.top(2);
    expect(later.queries[0]!.query).toBe("new");
    expect(later.queries[0]!.count - later.queries[0]!.error).toBeCloseTo(3, 6);
    const digest = Object.keys(await raw.hgetall(popularityKeys("rag").texts)).at(0)!;
    expect((await one.textsOf([digest, "0"])).size).toBe(1);
  });

  test("popularity waits while Redis is away, and loses nothing", async () => {
    const other = await startRedis();
    try {
      const link = await linkTo(other.url);
      const popularity = redisPopularity({ link, base: "rag", keep: 50, halfLifeMs: 1e12, clock: realClock });
      await other.kill();
      popularity.record("q", 7);
      await popularity.flush();
      expect(popularity.problem()).toContain("could not be reached");
      await other.restart();
      await expect
        .poll(
          async () => {
            await popularity.flush();
            return popularity.problem();
          },
          { timeout: 20_000 },
        )
        .toBeUndefined();
      expect((await popularity.top(1)).queries[0]!.count).toBeCloseTo(7, 3);
    } finally {
      await other.stop();
    }
  });

  test("cache hot turns digests back into questions, by LFU counters or by popularity, and says which", async () => {
    const cwd = project({ driver: "redis", url: redis.url });
    const layer = await layerOn({ driver: "redis", url: redis.url });
    await raw.config("SET", "maxmemory-policy", "allkeys-lfu");
    for (let at = 0; at < 300; at++)
      await layer.getOrCompute("result", at % 3 === 0 ? `rare ${at}` : "what is lift?", async () => bytes("x"));
    await layer.close();
    open.splice(open.indexOf(layer), 1);
    const lfu = await runCli(["cache", "hot", "--json"], { cwd });
    const { source, keys } = lfu.json().result;
    expect(source).toBe("lfu");
    expect(keys[0]).toMatchObject({ query: "what is lift?", unit: "lfuCounter" });
    await raw.config("SET", "maxmemory-policy", "allkeys-lru");
    const popular = await runCli(["cache", "hot", "--top", "1"], { cwd });
    expect(popular.stdout).toContain("by the questions that applications recorded");
    expect(popular.stdout).toMatch(/what is lift\? +200 +66\.7 %/);
    const wanted = await runCli(["cache", "hot", "--source", "hotkeys"], { cwd });
    expect([wanted.exitCode, wanted.stderr]).toEqual([2, expect.stringContaining("it comes with 8.6")]);
  });
});

describe.skipIf(!serviceBinary("redis-server"))(`behind a sentinel${skipReason("redis-server")}`, () => {
  let sentinel: TestSentinel;
  beforeAll(async () => {
    sentinel = await startSentinel();
  }, 90_000);
  afterAll(async () => await sentinel?.stop());

  test("a primary that hangs, and one that is killed: memory answers, then the one that took over", async () => {
    const config = { driver: "redis", sentinel: { name: sentinel.name, nodes: [sentinel.url] }, namespace: "s" };
    const layer = await layerOn(config);
    const cwd = project(config);
    const statsOf = async () => {
      const { exitCode, json, stderr } = await runCli(["cache", "stats", "--json"], { cwd });
      expect(exitCode, stderr).toBe(0);
      return json().result.nodes.map(({ address }: { address: string }) => address);
    };
    let asked = 0;
    /** What is stored from now on is stored in Redis, and read from there. */
    const works = async () => {
      const query = `q${asked++}`;
      const stored = await layer.set("result", query, bytes("x"));
      const found = await layer.get("result", query);
      expect(found?.value).toEqual(bytes("x"));
      return [stored.in, found?.from];
    };
    expect(await works()).toEqual(["redis", "redis"]);

    const losses = [
      (server: TestRedis) => Promise.resolve(void process.kill(server.pid, "SIGSTOP")),
      (server: TestRedis) => server.kill(),
    ];
    for (const [round, lose] of losses.entries()) {
      const lost = await sentinel.primary();
      expect(await statsOf()).toEqual([`127.0.0.1:${lost.port}`]);
      await lose(lost);
      await expect.poll(async () => (await works())[0], { timeout: 60_000, interval: 50 }).toBe("memory");
      await expect.poll(works, { timeout: 60_000, interval: 200 }).toEqual(["redis", "redis"]);
      const now = await sentinel.primary();
      expect(now).not.toBe(lost);
      expect(await statsOf()).toEqual([`127.0.0.1:${now.port}`]);
      expect(layer.report().memoryOnly.filter(({ untilMs }) => untilMs === undefined)).toEqual([]);
      // The third one follows it, and is the next to take over.
      const replication = () => sentinel.cli(now.port, "info", "replication");
      if (round === 0) await expect.poll(replication, { timeout: 60_000, interval: 100 }).toContain("state=online");
    }
    expect(layer.report().memoryOnly.length).toBeGreaterThanOrEqual(2);
  }, 180_000);
});

describe.skipIf(!serviceBinary("redis-server"))(`over TLS${skipReason("redis-server")}`, () => {
  const pem = (name: string) => join(import.meta.dirname, "..", "data", "tls", name);
  const servers: TestRedis[] = [];
  afterAll(() => Promise.all(servers.map((each) => each.stop())));

  /** A Redis with TLS alone. @param who `local` is 127.0.0.1, `server` is node.ragctl.test */
  async function startTls(who: "local" | "server", clients: "no" | "yes" = "no"): Promise<string> {
    const port = await freePort();
    const files = [
      "--tls-cert-file",
      pem(`${who}.pem`),
      "--tls-key-file",
      pem(`${who}.key`),
      "--tls-ca-cert-file",
      pem("ca.pem"),
    ];
    servers.push(await startRedis(["--port", "0", "--tls-port", String(port), "--tls-auth-clients", clients, ...files]));
    return `rediss://127.0.0.1:${port}`;
  }
  const stats = (cache: object) => runCli(["cache", "stats", "--json"], { cwd: project({ driver: "redis", ...cache }) });

  test("whose certificate is believed, by which name, and with which of our own", async () => {
    const url = await startTls("local");
    const caFile = pem("ca.pem");
    expect(await stats({ url, tls: { caFile } })).toMatchObject({ exitCode: 0 });
    const unknown = await stats({ url });
    expect([unknown.exitCode, unknown.json().error.hint]).toEqual([3, expect.stringContaining("cache.tls.caFile")]);

    const named = await startTls("server");
    const other = await stats({ url: named, tls: { caFile } });
    expect([other.exitCode, other.json().error.hint]).toEqual([3, expect.stringContaining("cache.tls.serverName")]);
    expect(await stats({ url: named, tls: { caFile, serverName: "node.ragctl.test" } })).toMatchObject({ exitCode: 0 });

    const strict = await startTls("local", "yes");
    // The server's word of why may be lost with the connection.
    expect(await stats({ url: strict, tls: { caFile } })).toMatchObject({ exitCode: 3 });
    const client = { certFile: pem("client.pem"), keyFile: pem("client.key") };
    expect(await stats({ url: strict, tls: { caFile, ...client } })).toMatchObject({ exitCode: 0 });
  });

  test("files are relative to the config; what cannot be is said before anything is asked", async () => {
    const url = await startTls("local");
    const cwd = project({ driver: "redis", url, tls: { caFile: "ca.pem" } });
    const gone = await runCli(["cache", "stats", "--json"], { cwd });
    expect([gone.exitCode, gone.json().error.details]).toMatchObject([2, [{ path: "clusters.prod.cache.tls.caFile" }]]);
    copyFileSync(pem("ca.pem"), join(cwd, "ca.pem"));
    expect(await runCli(["cache", "stats", "--json"], { cwd })).toMatchObject({ exitCode: 0 });
    const plain = await stats({ url: url.replace("rediss:", "redis:"), tls: { caFile: pem("ca.pem") } });
    expect([plain.exitCode, plain.json().error.message]).toEqual([2, expect.stringContaining("is for rediss://")]);
  });
});

test("a cache in memory has no server to ask", async () => {
  const run = await runCli(["cache", "stats"], { cwd: project({ driver: "memory" }) });
  expect([run.exitCode, run.stderr]).toEqual([2, expect.stringContaining("there is no server to ask")]);
});
