import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { CacheStore } from "../../../src/cache/contract.ts";
import { openCache } from "../../../src/cache/index.ts";
import { parseInfo, sumInfo } from "../../../src/cache/redis-info.ts";
import { redisTarget, showAddress } from "../../../src/cache/redis-target.ts";
import { realClock } from "../../../src/runtime.ts";
import { serviceBinary, skipReason } from "../../helpers/service.ts";

const base = { driver: "redis" as const, namespace: "rag", resultTtl: 1000, embeddingTtl: 1000, maxBytes: 1e6 };
const open: CacheStore[] = [];
async function cacheAt(where: object): Promise<CacheStore> {
  const cache = await openCache({ ...base, ...where }, { clock: realClock });
  open.push(cache);
  return cache;
}
afterEach(async () => {
  await Promise.all(open.splice(0).map((cache) => cache.close()));
});

/** A port that nothing listens on. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe("which Redis", () => {
  it("comes from the URL; the config's password wins; credentials are never shown", () => {
    const target = redisTarget({ driver: "redis", url: "rediss://user:p%40ss@cache.internal:7000/3" });
    if (target.kind !== "single") throw new Error("expected a single server");
    expect(target.address).toEqual({ host: "cache.internal", port: 7000, tls: true, db: 3, username: "user", password: "p@ss" });
    expect(showAddress(target.address)).toBe("rediss://cache.internal:7000");
    const other = redisTarget({ driver: "redis", cluster: ["redis://:a@[::1]", "redis://b:2"], password: "x" });
    expect(other).toMatchObject({
      kind: "cluster",
      addresses: [
        { host: "::1", port: 6379, password: "x" },
        { host: "b", port: 2 },
      ],
    });
  });

  it("is described by the sums of its servers", () => {
    const info = (memory: number, limit: number) =>
      parseInfo(
        `# Server\r\nredis_version:7.0.15\r\nused_memory:${memory}\r\nmaxmemory:${limit}\r\nkeyspace_hits:3\r\n` +
          `keyspace_misses:1\r\nevicted_keys:0\r\ndb0:keys=5,expires=1,avg_ttl=0\r\n`,
      );
    expect(sumInfo([info(100, 1000), info(50, 1000)])).toEqual({
      version: "7.0.15",
      entries: 10,
      usedBytes: 150,
      maxBytes: 2000,
      hits: 6,
      misses: 2,
      evictions: 0,
    });
    expect(sumInfo([info(1, 0), info(1, 10)])).not.toHaveProperty("maxBytes");
  });
});

describe("a Redis that is not there", () => {
  it.each(["url", "cluster", "sentinel"] as const)("is a sentence, not a hang: %s", async (kind) => {
    const url = `redis://:s3cret@127.0.0.1:${await freePort()}`;
    const where = kind === "url" ? { url } : kind === "cluster" ? { cluster: [url] } : { sentinel: { name: "m", nodes: [url] } };
    const cache = await cacheAt(where);
    const failure = await cache.get("a").then(
      () => undefined,
      (error: unknown) => error as Error,
    );
    expect(failure).toMatchObject({ code: "cache-unreachable", exitCode: 3 });
    expect(failure!.message).toContain(`${url.replace(":s3cret@", "")} could not be reached`);
    expect(failure!.message).not.toContain("s3cret");
    const { ok, problem } = await cache.describe();
    expect([ok, problem]).toEqual([false, expect.stringContaining("could not be reached")]);
  });

  it("may accept and never answer", async () => {
    const server = createServer(() => {}).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const cache = await cacheAt({ url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}` });
    await expect(cache.ping()).rejects.toMatchObject({ code: "cache-unreachable" });
    await cache.close();
    server.close();
  });
});

describe.skipIf(!serviceBinary("redis-server"))(`a real Redis${skipReason("redis-server")}`, () => {
  let server: ChildProcess;
  let port: number;
  const dir = mkdtempSync(join(tmpdir(), "ragctl-redis-"));
  beforeAll(async () => {
    port = await freePort();
    const args = ["--port", String(port), "--bind", "127.0.0.1", "--requirepass", "s3cret", "--save", "", "--dir", dir];
    server = spawn(serviceBinary("redis-server")!, args, { stdio: ["ignore", "pipe", "inherit"] });
    await new Promise<void>((resolve, reject) => {
      server.once("exit", () => reject(new Error("redis-server ended")));
      server.stdout!.on("data", (text: Buffer) => {
        if (text.includes("Ready to accept connections")) resolve();
      });
    });
  });
  afterAll(async () => {
    const ended = new Promise((resolve) => server.once("exit", resolve));
    server.kill();
    await ended;
    rmSync(dir, { recursive: true });
  });
  const url = () => `redis://:s3cret@127.0.0.1:${port}`;

  it("round-trips bytes, expires and deletes them, and says what it is", async () => {
    const cache = await cacheAt({ url: url() });
    const value = Buffer.from([0, 255, 10, 13, 128]);
    await cache.set("k", value, 60_000);
    expect(await cache.get("k")).toEqual(value);
    expect((await cache.ping()).latencyUs).toBeGreaterThan(0);
    expect(await cache.describe()).toMatchObject({
      driver: "redis",
      ok: true,
      endpoints: [`redis://127.0.0.1:${port}`],
      entries: 1,
    });
    expect([await cache.delete("k"), await cache.delete("k"), await cache.get("k")]).toEqual([true, false, undefined]);
    await cache.set("short", value, 1);
    await expect.poll(() => cache.get("short")).toBeUndefined();
  });

  it("is shared through the tiers", async () => {
    const [one, two] = [await cacheAt({ driver: "tiered", url: url() }), await cacheAt({ driver: "tiered", url: url() })];
    await one.set("t", Buffer.from("shared"), 60_000);
    expect(await two.get("t")).toEqual(Buffer.from("shared"));
    expect(await two.describe()).toMatchObject({ driver: "tiered", ok: true });
  });

  it.each([
    ["a wrong password", (): object => ({ url: url(), password: "wrong" }), "WRONGPASS"],
    ["no password", (): object => ({ url: `redis://127.0.0.1:${port}` }), "NOAUTH"],
  ])("%s is refused with what to do", async (_what, where, said) => {
    const cache = await cacheAt(where());
    await expect(cache.get("a")).rejects.toMatchObject({
      code: "cache-refused",
      exitCode: 3,
      message: expect.stringContaining(said),
      hint: "check cache.password of the config",
    });
  });

  it("a single server asked for as a cluster says so", async () => {
    const cache = await cacheAt({ cluster: [url()] });
    await expect(cache.get("a")).rejects.toMatchObject({ exitCode: 3, hint: expect.stringContaining("cache.url") });
  });

  it("a key of another type is a sentence", async () => {
    const { Redis } = await import("ioredis");
    const raw = new Redis(url());
    await raw.lpush("list", "x");
    raw.disconnect();
    const cache = await cacheAt({ url: url() });
    await expect(cache.get("list")).rejects.toMatchObject({
      code: "cache-refused",
      message: expect.stringContaining("WRONGTYPE"),
    });
  });
});
