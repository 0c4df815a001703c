import { describe, expect, it } from "vitest";
import type { CacheStore } from "../../../src/cache/contract.ts";
import { openCache } from "../../../src/cache/index.ts";
import { memoryCache } from "../../../src/cache/memory.ts";
import { tieredCache } from "../../../src/cache/tiered.ts";
import { ExitCode, RagctlError } from "../../../src/errors.ts";
import { SimClock } from "../../helpers/sim-clock.ts";

const bytes = (text: string) => Buffer.from(text);

describe("the memory cache", () => {
  it("holds entries until their time has passed", async () => {
    const clock = new SimClock();
    const cache = memoryCache({ maxBytes: 1e6, clock });
    await cache.set("a", bytes("1"), 1000);
    await clock.advance(999);
    expect(await cache.get("a")).toEqual(bytes("1"));
    await clock.advance(2);
    expect(await cache.get("a")).toBeUndefined();
    expect(await cache.describe()).toMatchObject({ driver: "memory", ok: true, entries: 0, hits: 1, misses: 1 });
  });

  it("stays within its bytes, dropping what was used longest ago", async () => {
    const cache = memoryCache({ maxBytes: 10_000, clock: new SimClock() });
    for (let at = 0; at < 20; at++) {
      await cache.set(`key${at}`, Buffer.alloc(1000), 60_000);
      await cache.get("key0");
    }
    const { usedBytes, maxBytes, entries, evictions } = await cache.describe();
    expect(usedBytes).toBeLessThanOrEqual(maxBytes!);
    expect([entries, evictions]).toEqual([6, 14]);
    expect(await cache.get("key0")).toBeDefined();
    expect(await cache.get("key1")).toBeUndefined();
  });

  it("keeps the bytes of a value alone, not all that they were cut from", async () => {
    const cache = memoryCache({ maxBytes: 10_000, clock: new SimClock() });
    const read = Buffer.alloc(65_536, "x");
    await cache.set("a", read.subarray(100, 400), 60_000);
    read.fill("y");
    const held = await cache.get("a");
    expect(held).toEqual(Buffer.alloc(300, "x"));
    expect(held!.buffer.byteLength).toBe(300);
  });

  it("does not take what is larger than all of it", async () => {
    const cache = memoryCache({ maxBytes: 1000, clock: new SimClock() });
    await cache.set("big", Buffer.alloc(2000), 60_000);
    expect(await cache.get("big")).toBeUndefined();
    expect(await cache.delete("big")).toBe(false);
  });
});

describe("the tiered cache", () => {
  function setUp() {
    const clock = new SimClock();
    const near = memoryCache({ maxBytes: 1e6, clock });
    const shared = memoryCache({ maxBytes: 1e6, clock });
    const state = { down: false };
    const guard = <T>(value: Promise<T>): Promise<T> =>
      state.down
        ? Promise.reject(new RagctlError("the cache is gone", { code: "cache-unreachable", exitCode: ExitCode.unreachable }))
        : value;
    const far: CacheStore = {
      ...shared,
      get: (key) => guard(shared.get(key)),
      set: (key, value, ttlMs) => guard(shared.set(key, value, ttlMs)),
      delete: (key) => guard(shared.delete(key)),
      ping: () => guard(shared.ping()),
    };
    return { clock, near, shared, state, cache: tieredCache(near, far) };
  }

  it("asks memory first, then the far tier, and keeps near what it found", async () => {
    const { cache, near, shared, clock } = setUp();
    await shared.set("a", bytes("far"), 600_000);
    expect(await cache.get("a")).toEqual(bytes("far"));
    expect(await near.get("a")).toEqual(bytes("far"));
    await clock.advance(61_000);
    expect(await near.get("a")).toBeUndefined();
    await cache.set("b", bytes("both"), 1000);
    expect([await near.get("b"), await shared.get("b")]).toEqual([bytes("both"), bytes("both")]);
    expect(await cache.delete("b")).toBe(true);
    expect([await near.get("b"), await shared.get("b")]).toEqual([undefined, undefined]);
  });

  it("goes on from memory while the far tier fails, and says so", async () => {
    const { cache, state } = setUp();
    state.down = true;
    await cache.set("a", bytes("1"), 1000);
    expect(await cache.get("a")).toEqual(bytes("1"));
    expect((await cache.describe()).problem).toBe("the cache is gone");
    await expect(cache.ping()).rejects.toThrow("the cache is gone");
    state.down = false;
    expect(await cache.get("other")).toBeUndefined();
    expect((await cache.describe()).problem).toBeUndefined();
  });
});

describe("a cache config", () => {
  const base = { namespace: "rag", resultTtl: 1000, embeddingTtl: 1000, maxBytes: 1000 };
  const clock = new SimClock();

  it.each([
    [{ driver: "redis" as const }, "cache: driver redis needs one of url, cluster, sentinel"],
    [{ driver: "tiered" as const, url: "redis://a", cluster: ["redis://b"] }, "cache: only one of url, cluster can be used"],
  ])("%j is refused", async (config, message) => {
    await expect(openCache({ ...base, ...config }, { clock })).rejects.toMatchObject({ exitCode: 2, message });
  });

  it("may be memory alone", async () => {
    const cache = await openCache({ ...base, driver: "memory" }, { clock });
    expect(await cache.describe()).toMatchObject({ driver: "memory", maxBytes: 1000 });
  });
});
