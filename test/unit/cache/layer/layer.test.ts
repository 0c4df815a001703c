import { describe, expect, test, vi } from "vitest";
import type { CacheStore, MemoryOnly } from "../../../../src/cache/contract.ts";
import type { FarStore } from "../../../../src/cache/layer/far.ts";
import { cacheLayer } from "../../../../src/cache/layer/layer.ts";
import { memoryCache } from "../../../../src/cache/memory.ts";
import { memoryPopularity } from "../../../../src/cache/popularity/memory.ts";
import { asCacheError } from "../../../../src/cache/redis-failure.ts";
import { cacheSettings } from "../../../../src/cache/settings.ts";
import { clusterSchema, type CacheConfig } from "../../../../src/config/schema.ts";
import { seededRng } from "../../../../src/runtime.ts";
import { SimClock } from "../../../helpers/sim-clock.ts";

const bytes = (text: string) => Buffer.from(text);

function config(fields: object): CacheConfig {
  return clusterSchema.parse({
    topology: "routed",
    store: { driver: "qdrant" },
    nodes: [{ id: "a", url: "http://a" }],
    cache: { driver: "tiered", url: "redis://r", ...fields },
  }).cache!;
}

/** A Redis that all layers of a test share; `fails` makes its commands fail, with what a Redis would say. */
function sharedRedis(clock: SimClock) {
  const store = memoryCache({ maxBytes: 1e9, clock });
  const locks = new Map<string, { token: string; untilMs: number }>();
  const state = { all: undefined as string | undefined, writes: undefined as string | undefined, asked: 0 };
  const guard = <T>(kind: "read" | "write", value: () => Promise<T>): Promise<T> => {
    state.asked++;
    const said = state.all ?? (kind === "write" ? state.writes : undefined);
    return said === undefined ? value() : Promise.reject(asCacheError(new Error(said), "the cache at redis://r", undefined));
  };
  const redis: FarStore = {
    ...store,
    get: (key) => guard("read", () => store.get(key)),
    set: (key, value, ttlMs) => guard("write", () => store.set(key, value, ttlMs)),
    delete: (key) => guard("write", () => store.delete(key)),
    addressOf: (key) => (key.includes("other") ? "r2:6379" : "r1:6379"),
    holdsKeys: () => true,
    lock: (key, token, ttlMs) =>
      guard("write", async () => {
        const held = locks.get(key);
        if (held && held.untilMs > clock.nowMs()) return false;
        locks.set(key, { token, untilMs: clock.nowMs() + ttlMs });
        return true;
      }),
    unlock: (key, token) =>
      guard("write", async () => {
        if (locks.get(key)?.token === token) locks.delete(key);
      }),
  };
  return { redis, state, store };
}

function setUp(fields: object = {}, shared?: { clock: SimClock; far: ReturnType<typeof sharedRedis> }) {
  const clock = shared?.clock ?? new SimClock();
  const far = shared?.far ?? sharedRedis(clock);
  const cache = config(fields);
  const near: CacheStore = memoryCache({ maxBytes: 1e7, clock });
  const popularity = memoryPopularity({ keep: 100, halfLifeMs: 1e9, clock });
  const episodes: MemoryOnly[] = [];
  const layer = cacheLayer({
    settings: cacheSettings(cache, undefined),
    near,
    far: cache.driver === "memory" ? undefined : far.redis,
    nearFirst: cache.driver !== "redis",
    popularity,
    clock,
    rng: seededRng(11),
    onMemoryOnly: (episode) => episodes.push({ ...episode }),
  });
  return { clock, far, near, layer, popularity, episodes };
}

/** What a backend would do: counts its calls, takes its time. */
function backend(clock: SimClock, { ms = 100, answer = "answer" }: { ms?: number; answer?: string | null } = {}) {
  return vi.fn(async () => {
    await clock.sleep(ms);
    return answer === null ? undefined : bytes(answer);
  });
}

/** Lets time pass until it settles. */
async function passing<T>(clock: SimClock, promise: Promise<T>): Promise<T> {
  let done = false;
  const settled = promise.finally(() => (done = true));
  settled.catch(() => {});
  for (let turn = 0; turn < 2000; turn++) {
    await clock.advance(10);
    if (done) break;
  }
  return await settled;
}

describe("one flight per key", () => {
  test.each(["memory", "redis", "tiered"])("500 clients that ask for one missing key cause one call: %s", async (driver) => {
    const { clock, layer } = setUp({ driver });
    const compute = backend(clock);
    const answers = await passing(
      clock,
      Promise.all(Array.from({ length: 500 }, () => layer.getOrCompute("result", "q", compute))),
    );
    expect(compute).toHaveBeenCalledTimes(1);
    expect(new Set(answers.map(({ value }) => value!.toString()))).toEqual(new Set(["answer"]));
    expect(layer.report()).toMatchObject({ lookups: 500, misses: 1, computed: 1, shared: { here: 499 } });
  });

  test("of several processes, too, and later ones find what it computed", async () => {
    const one = setUp();
    const others = [setUp({}, one), setUp({}, one), setUp({}, one)];
    const compute = backend(one.clock);
    const layers = [one, ...others].map(({ layer }) => layer);
    const asks = layers.flatMap((layer) => Array.from({ length: 100 }, () => layer.getOrCompute("result", "q", compute)));
    const answers = await passing(one.clock, Promise.all(asks));
    expect(compute).toHaveBeenCalledTimes(1);
    expect(answers.every(({ value }) => value!.toString() === "answer")).toBe(true);
    expect(layers.reduce((sum, layer) => sum + layer.report().shared.elsewhere, 0)).toBe(3);
  });

  test("that dies with its process is taken over when its lock has ended", async () => {
    const dead = setUp({ lock: "2s" });
    const alive = setUp({ lock: "2s" }, dead);
    dead.layer.getOrCompute("result", "q", () => new Promise(() => {})).catch(() => {});
    await dead.clock.advance(1);
    const compute = backend(alive.clock);
    const startMs = alive.clock.nowMs();
    expect((await passing(alive.clock, alive.layer.getOrCompute("result", "q", compute))).from).toBe("computed");
    expect(alive.clock.nowMs() - startMs).toBeLessThan(2500);
  });

  test("that fails reaches all who waited, keeps nothing, and the next one tries again", async () => {
    const { clock, layer } = setUp();
    const failing = vi.fn(async (): Promise<Buffer> => {
      await clock.sleep(10);
      throw new Error("the store is down");
    });
    const asks = Array.from({ length: 10 }, () => layer.getOrCompute("result", "q", failing));
    const outcomes = await passing(clock, Promise.allSettled(asks));
    expect(new Set(outcomes.map((outcome) => (outcome as PromiseRejectedResult).reason.message))).toEqual(
      new Set(["the store is down"]),
    );
    expect(failing).toHaveBeenCalledTimes(1);
    expect((await passing(clock, layer.getOrCompute("result", "q", backend(clock)))).from).toBe("computed");
    expect(layer.report()).toMatchObject({ computed: 2, computeFailures: 1 });
  });
});

describe("times", () => {
  test("embeddings live twice as long as results, answers shortly; each shortened by chance", async () => {
    const { clock, layer, near } = setUp({ driver: "memory" });
    const kinds = ["result", "embedding", "answer"] as const;
    for (const kind of kinds) for (let at = 0; at < 200; at++) await layer.set(kind, `q${at}`, bytes("x"));
    const left = async () => {
      const counts = { result: 0, embedding: 0, answer: 0 };
      for (const kind of kinds) for (let at = 0; at < 200; at++) if (await near.get(layer.keyOf(kind, `q${at}`))) counts[kind]++;
      return counts;
    };
    await clock.advance(8.9 * 60_000);
    expect(await left()).toEqual({ result: 200, embedding: 200, answer: 200 });
    await clock.advance(0.6 * 60_000);
    const { answer } = await left();
    expect(answer).toBeGreaterThan(60);
    expect(answer).toBeLessThan(140);
    await clock.advance(51 * 60_000);
    expect(await left()).toEqual({ result: 0, embedding: 200, answer: 0 });
    await clock.advance(60 * 60_000);
    expect(await left()).toEqual({ result: 0, embedding: 0, answer: 0 });
  });

  test.each(["framed", "raw"])("that there is nothing is kept for a short while: %s", async (format) => {
    const { clock, layer } = setUp({ format, driver: "redis" });
    const nothing = backend(clock, { answer: null });
    const ask = () => passing(clock, layer.getOrCompute("result", "q", nothing));
    expect([(await ask()).from, (await ask()).value]).toEqual(["computed", undefined]);
    expect(nothing).toHaveBeenCalledTimes(1);
    expect(layer.report().hits.negative).toBe(1);
    await clock.advance(31_000);
    await ask();
    expect(nothing).toHaveBeenCalledTimes(2);
  });

  test("a value that is asked for all the time is computed anew before it ends, and nobody waits for it", async () => {
    const { clock, layer } = setUp({ driver: "redis", resultTtl: "10s", ttlJitter: 0 });
    const compute = backend(clock, { ms: 300 });
    await passing(clock, layer.getOrCompute("result", "q", compute));
    const waited: number[] = [];
    for (let at = 0; at < 3000; at++) {
      const startMs = clock.nowMs();
      await layer.getOrCompute("result", "q", compute);
      waited.push(clock.nowMs() - startMs);
      await clock.advance(10);
    }
    expect(Math.max(...waited)).toBe(0);
    const { misses, earlyRefreshes, computed } = layer.report();
    expect(misses).toBe(1);
    expect(earlyRefreshes).toBeGreaterThanOrEqual(3);
    expect(earlyRefreshes).toBeLessThan(8);
    expect(computed).toBe(1 + earlyRefreshes);
  });
});

describe("values", () => {
  test("above a size are compressed, and others read them", async () => {
    const one = setUp();
    const other = setUp({}, one);
    const value = bytes("words ".repeat(2000));
    expect(await one.layer.set("result", "q", value)).toEqual({ in: "redis" });
    expect((await one.far.store.describe()).usedBytes).toBeLessThan(1000);
    expect(await other.layer.get("result", "q")).toEqual({ value, from: "redis" });
    expect(await other.layer.get("result", "q")).toEqual({ value, from: "memory" });
    expect(one.layer.report().compression.rawBytes).toBe(12_000);
  });

  test("that another application wrote are read; and raw ones can be read by it", async () => {
    const { layer, far } = setUp({ format: "raw" });
    await far.store.set(layer.keyOf("result", "theirs"), bytes('{"a":1}'), 1000);
    expect((await layer.get("result", "theirs"))!.value).toEqual(bytes('{"a":1}'));
    await layer.set("result", "ours", bytes("x".repeat(5000)));
    expect(await far.store.get(layer.keyOf("result", "ours"))).toEqual(bytes("x".repeat(5000)));
  });

  test("that are poisoned are counted, computed anew and overwritten", async () => {
    const { clock, layer, far } = setUp({ driver: "redis" });
    await layer.set("result", "q", bytes("words ".repeat(1000)));
    const key = layer.keyOf("result", "q");
    const damaged = (await far.store.get(key))!;
    damaged[damaged.length - 1]! ^= 1;
    await far.store.set(key, damaged, 1000);
    const compute = backend(clock);
    expect((await passing(clock, layer.getOrCompute("result", "q", compute))).from).toBe("computed");
    await far.store.set(layer.keyOf("result", "p"), bytes("no JSON"), 1000);
    const accepts = (value: Buffer) => value.toString().startsWith("answer");
    expect((await passing(clock, layer.getOrCompute("result", "p", compute, { accepts }))).from).toBe("computed");
    expect((await passing(clock, layer.getOrCompute("result", "p", compute, { accepts }))).from).toBe("redis");
    expect(layer.report().poisoned).toBeGreaterThanOrEqual(2);
  });
});

describe("a Redis that fails", () => {
  test.each(["redis", "tiered"])("is left alone, work goes on from memory, and the report says so: %s", async (driver) => {
    const { clock, layer, far, episodes } = setUp({ driver });
    const compute = backend(clock);
    await passing(clock, layer.getOrCompute("result", "held", compute));
    const startMs = clock.nowMs();
    far.state.all = "connect ECONNREFUSED 127.0.0.1:6379";
    far.state.asked = 0;
    for (let at = 0; at < 50; at++) await passing(clock, layer.getOrCompute("result", `q${at % 10}`, compute));
    expect((await layer.getOrCompute("result", "held", compute)).from).toBe("memory");
    expect(compute).toHaveBeenCalledTimes(11);
    expect(far.state.asked).toBeLessThan(10);
    const [episode] = layer.report().memoryOnly;
    expect(episode).toMatchObject({ where: "r1:6379", problem: expect.stringContaining("ECONNREFUSED") });
    expect(episode!.sinceMs).toBeGreaterThanOrEqual(startMs);
    expect(episode!.untilMs).toBeUndefined();
    expect(layer.report().withoutRedis).toBeGreaterThan(10);

    far.state.all = undefined;
    await clock.advance(5001);
    await passing(clock, layer.getOrCompute("result", "new", compute));
    expect(await far.store.get(layer.keyOf("result", "new"))).toBeDefined();
    expect(layer.report().memoryOnly).toEqual([{ ...episode, untilMs: expect.any(Number) }]);
    expect(episodes.map(({ untilMs }) => untilMs === undefined)).toEqual([true, false]);
  });

  test("is tried by one request at a time, at most every five seconds", async () => {
    const { clock, layer, far } = setUp({ driver: "redis" });
    far.state.all = "connect ECONNREFUSED";
    for (let at = 0; at < 600; at++) {
      await Promise.all([layer.get("result", "a"), layer.get("result", "b"), layer.get("result", "c")]);
      await clock.advance(100);
    }
    // 0, 0.25, 0.75, 1.75, 3.75, 7.75, 12.75, … 57.75 s; at once in the first round.
    expect(far.state.asked).toBeGreaterThanOrEqual(14);
    expect(far.state.asked).toBeLessThanOrEqual(3 + 16);
  });

  test("in part leaves the rest of the cluster in use", async () => {
    const { clock, layer, far } = setUp({ driver: "redis", keys: { result: "{namespace}:{query}" } });
    const get = far.redis.get.bind(far.redis);
    far.redis.get = (key) =>
      key.includes("other") ? Promise.reject(asCacheError(new Error("Command timed out"), "r2", undefined)) : get(key);
    await layer.set("result", "mine", bytes("1"));
    expect(await passing(clock, layer.get("result", "other"))).toBeUndefined();
    expect((await layer.get("result", "mine"))!.from).toBe("redis");
    expect(layer.report().memoryOnly.map(({ where }) => where)).toEqual(["r2:6379"]);
  });

  test.each([
    ["OOM command not allowed when used memory > 'maxmemory'.", "raise maxmemory"],
    ["READONLY You can't write against a read only replica.", "point the config at the primary"],
  ])("to write is still read, and the sentence says why: %s", async (said, hint) => {
    const { clock, layer, far } = setUp({ driver: "redis" });
    await layer.set("result", "old", bytes("old"));
    far.state.writes = said;
    const stored = await layer.set("result", "new", bytes("new"));
    expect(stored).toMatchObject({ in: "memory", reason: expect.stringContaining(hint) });
    expect((await layer.get("result", "old"))!.from).toBe("redis");
    expect((await passing(clock, layer.getOrCompute("result", "computed", backend(clock)))).from).toBe("computed");
    expect(layer.report()).toMatchObject({ memoryOnly: [], stored: { redis: 1, memoryOnly: 2 } });
  });

  test("because the key holds something else is computed, and what stands there is left alone", async () => {
    const { clock, layer, far } = setUp({ driver: "redis" });
    const set = vi.spyOn(far.redis, "set");
    far.redis.get = () =>
      Promise.reject(
        asCacheError(new Error("WRONGTYPE Operation against a key holding the wrong kind of value"), "r", undefined),
      );
    const compute = backend(clock);
    expect((await passing(clock, layer.getOrCompute("result", "q", compute))).from).toBe("computed");
    expect((await layer.getOrCompute("result", "q", compute)).from).toBe("memory");
    expect(set).not.toHaveBeenCalled();
    expect(layer.report()).toMatchObject({ wrongType: 2, memoryOnly: [] });
  });
});

test("a namespace carries corpus version and embedder; without a version it is the applications' own", () => {
  const embedder = { driver: "openai" as const, url: "http://e", model: "bge-small-en", dim: 384, batchSize: 1, timeout: 1 };
  expect(cacheSettings(config({ corpusVersion: "2026-05" }), embedder).namespace).toBe("rag@2026-05~bge-small-en");
  expect(cacheSettings(config({}), embedder).namespace).toBe("rag");
  expect(() => cacheSettings(config({ keys: { result: "x", answer: "{y}" } }), undefined)).toThrow(
    /2 problems:[^]*cache\.keys\.answer/,
  );
  expect(() => cacheSettings(config({ keys: { result: "{sha256(query)}", answer: "{sha256(query)}" } }), undefined)).toThrow(
    /one would answer for the other/,
  );
});
