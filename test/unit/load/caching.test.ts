import { describe, expect, test } from "vitest";
import { cachingOf } from "../../../src/load/caching.ts";
import type { CachedSearchOperationSpec, ScenarioSpec } from "../../../src/load/contract.ts";
import type { MeasuredResult } from "../../../src/load/measurement.ts";
import { cachedAs, placementOf, priceOf } from "../../../src/load/profile/cached.ts";
import { clusterSchema } from "../../../src/config/schema.ts";
import { loadHtml } from "../../../src/report/html/load-html.ts";
import { loadReport } from "../../../src/report/load.ts";
import { loadMarkdown } from "../../../src/report/load-markdown.ts";
import { makeStyle } from "../../../src/report/style.ts";
import { sampleRun } from "../../helpers/load-result.ts";

const { result, series } = sampleRun({ seconds: 2, ratePerSec: 50 });
const cluster = (cache?: object) => ({
  ...clusterSchema.parse({
    topology: "routed",
    store: { driver: "qdrant" },
    nodes: [{ id: "a", url: "http://127.0.0.1:1" }],
    cache,
  }),
  name: "prod",
  source: { kind: "config" as const },
});

function scenario(
  name: string,
  driver: "memory" | "redis" | "tiered",
  more: Partial<CachedSearchOperationSpec> = {},
): ScenarioSpec {
  const { cache } = cluster({ driver, url: "redis://r1" });
  const operation: CachedSearchOperationSpec = {
    kind: "cached-search",
    cluster: cluster(),
    collection: "docs",
    cwd: "/",
    k: 10,
    questions: { texts: ["a"] },
    choice: { kind: "uniform" },
    seed: 1,
    servers: 3,
    cache: cache!,
    plusMs: 350,
    price: 0.002,
    monthly: 12,
    ...more,
  };
  const executor = { kind: "constant-arrival-rate", ratePerSec: 16, warmupUs: 0, durationUs: 3_600_000_000 } as const;
  return { name, executor, operation, tags: {}, workers: 1, timeoutUs: 1, maxInFlight: 1, seed: 1 };
}

function part(name: string, ok: number, cache: Record<string, number>, calls: { n: number; never: number }) {
  const { counts, responseTimeUs } = result;
  return {
    name,
    operation: "cached-search",
    errorsByCause: {},
    droppedByCause: {},
    recall: [],
    cache,
    counts: { ...counts, ok },
    responseTimeUs: { ...responseTimeUs, n: ok, mean: 91_000, p95: 576_000 },
    serviceTimeUs: responseTimeUs,
    scheduleLagUs: responseTimeUs,
    times: [{ name: "backend", never: calls.never, timeUs: { ...responseTimeUs, n: calls.n, p50: 352_000 } }],
  };
}

const perScenario = [
  part("each", 1000, { hit: 700, miss: 290, shared: 10 }, { n: 290, never: 2 }),
  part("all", 1000, { hit: 500, "near-hit": 300, "memory-hit": 20, miss: 180 }, { n: 180, never: 0 }),
];
const measured: MeasuredResult = { ...result, perScenario };
const scenarios = [scenario("each", "memory"), scenario("all", "tiered")];

describe("what each cache was worth", () => {
  test("hits of every kind, calls that failed too, and a month of it", () => {
    const [each, all] = cachingOf(scenarios, measured, 3_600_000);
    expect(each).toMatchObject({ requests: 1000, hits: 700, nearHits: 0, shared: 10, backendCalls: 292, backendFailures: 2 });
    expect([each!.hitRate, each!.cost, each!.costPerMonth]).toEqual([0.7, 0.584, 0.584 * 730 + 12]);
    expect(all).toMatchObject({ hits: 820, nearHits: 300, hitRate: 0.82, backendCalls: 180 });
  });

  test("an interrupted run's month is that of the time it ran", () => {
    const [each] = cachingOf(scenarios, measured, 1_800_000);
    expect(each!.costPerMonth).toBeCloseTo(0.584 * 2 * 730 + 12, 9);
  });

  test("of the only scenario the whole run's figures; of others nothing", () => {
    const perCache = [{ outcome: "hit", responseTimeUs: { ...result.responseTimeUs, n: 60 } }];
    const [only] = cachingOf([scenario("only", "redis")], { ...result, perScenario: [], perCache, times: [] }, 3_600_000);
    expect(only).toMatchObject({ hits: 60, requests: result.counts.ok, backendCalls: 0, backendTimeUs: null });
    const other: ScenarioSpec = {
      ...scenario("x", "redis"),
      operation: { kind: "embed", embedder: undefined, texts: [], choice: { kind: "uniform" }, batch: 1 },
    };
    expect(cachingOf([other], measured, 1000)).toEqual([]);
  });

  test("terminal of 80 columns, Markdown and page show them side by side", () => {
    const shown = { ...result, perScenario, caching: cachingOf(scenarios, measured, 3_600_000) };
    const text = loadReport(shown, makeStyle({ color: false, columns: 80 }));
    const lines = text.split("\n");
    const from = lines.findIndex((line) => line.includes("kept in"));
    expect(lines.slice(from, from + 7)).toMatchInlineSnapshot(`
      [
        "      kept in             hits  calls     mean     p95  cost  a month",
        "each  memory ×3         70.0 %    292  91.0 ms  576 ms  0.58      438",
        "all   memory ×3, Redis  82.0 %    180  91.0 ms  576 ms  0.36      275",
        "a call to the backend: p50 352 ms, 350 ms of it added by the profile; costs 0.002",
        "each: 10 questions waited for a call that was under way, 2 calls failed",
        "all: 300 hits from memory",
        "a month: 730 hours of calls at this rate, and what the cache costs",
      ]
    `);
    expect(loadMarkdown(shown)).toContain("| each | memory ×3 | 70.0 % | 292 | 91.0 ms | 576 ms | 0.58 | 438 |");
    expect(loadHtml({ result: shown, series, version: "0" })).toContain("Caches side by side");
    expect(loadReport(result, makeStyle({ color: false, columns: 80 }))).not.toContain("kept in");
  });

  test("without prices there is no money to show", () => {
    const free = [scenario("each", "memory", { price: 0, monthly: 0 }), scenario("all", "tiered", { price: 0, monthly: 0 })];
    const text = loadReport(
      { ...result, caching: cachingOf(free, measured, 3_600_000) },
      makeStyle({ color: false, columns: 80 }),
    );
    expect(text).toContain("kept in");
    expect(text).not.toMatch(/a month|costs/);
  });
});

describe("the cache of a scenario", () => {
  test("is the config's, but for what the profile says, under keys of the run's own", () => {
    const config = cluster({
      driver: "tiered",
      url: "redis://r1",
      resultTtl: "2h",
      nearTtl: "5s",
      keys: { result: "app:{query}", answer: "a:{query}" },
    });
    expect(cachedAs(config, { monthly: 0 }, "load:t:s")).toMatchObject({
      driver: "tiered",
      resultTtl: 7_200_000,
      nearTtl: 5000,
      maxBytes: 64 * 2 ** 20,
      keys: { result: "load:t:s:{sha256(query)}" },
    });
    expect(cachedAs(config, { monthly: 0, driver: "memory", ttl: 1000, maxBytes: 5 }, "p")).toMatchObject({
      driver: "memory",
      resultTtl: 1000,
      maxBytes: 5,
    });
    expect(cachedAs(cluster(), { monthly: 0 }, "p").driver).toBe("memory");
  });

  test.each([undefined, { driver: "memory" }])("a Redis is needed where one is asked for: %j", (cache) => {
    expect(() => cachedAs(cluster(cache), { monthly: 0, driver: "tiered" }, "p")).toThrow(
      "operation.cache.driver: tiered needs a Redis",
    );
  });

  test("a miss costs what the config's prices say", () => {
    expect(priceOf(cluster({ driver: "memory", prices: { millionTokens: 2, tokensPerQuery: 1500, query: 0.001 } }))).toBeCloseTo(
      0.004,
      12,
    );
    expect(priceOf(cluster())).toBe(0);
  });

  test.each([
    ["memory", 3, "memory in each of 3 servers"],
    ["memory", 1, "memory"],
    ["redis", 3, "one Redis for 3 servers"],
    ["tiered", 2, "memory in each of 2 servers before one Redis"],
  ] as const)("%s of %d: %s", (driver, servers, text) => expect(placementOf(driver, servers)).toBe(text));
});
