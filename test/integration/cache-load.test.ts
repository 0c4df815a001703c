import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { clusterSchema } from "../../src/config/schema.ts";
import { promText, windowSamples } from "../../src/load/export/prometheus.ts";
import { loadSeries } from "../../src/load/export/series.ts";
import { runLoad } from "../../src/load/index.ts";
import type { LoadSpec } from "../../src/load/contract.ts";
import { loadResultSchema, type LoadResult } from "../../src/load/result.ts";
import { loadHtml } from "../../src/report/html/load-html.ts";
import { loadReport } from "../../src/report/load.ts";
import { realClock, seededRng } from "../../src/runtime.ts";
import { makeStyle } from "../../src/report/style.ts";
import { startRedis, type TestRedis } from "../helpers/redis.ts";
import { serviceBinary, skipReason } from "../helpers/service.ts";

const style = makeStyle({ color: false, columns: 80 });

/** So many operations pass before the next thing happens. */
const stretch = 100;

describe.skipIf(!serviceBinary("redis-server"))(`load on a Redis that dies${skipReason("redis-server")}`, () => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  const specOf = (driver: string, standBy: boolean): LoadSpec => {
    const { cache } = clusterSchema.parse({
      topology: "routed",
      store: { driver: "qdrant" },
      nodes: [{ id: "a", url: "http://127.0.0.1:1" }],
      cache: { driver, url: redis.url },
    });
    return {
      seed: 1,
      thresholds: [],
      scenarios: [
        {
          name: "cache",
          tags: {},
          workers: 2,
          timeoutUs: 30e6,
          maxInFlight: 10_000,
          seed: 1,
          // It is ended by the test, long before.
          executor: { kind: "constant-arrival-rate", ratePerSec: 200, warmupUs: 0, durationUs: 120e6 },
          operation: {
            kind: "cache",
            cache: cache!,
            keys: 20,
            choice: { kind: "zipf", exponent: 1 },
            valueBytes: 512,
            ttlMs: 600_000,
            writes: 0.1,
            fill: true,
            standBy,
            tag: `t-${driver}-${standBy}`,
          },
        },
      ],
    };
  };

  /** Works for a while, loses its Redis, works for a while, has it again, works for a while: by what happened, not by time. */
  async function run(driver: string, standBy: boolean): Promise<LoadResult> {
    const over = new AbortController();
    const lost = new Set<string>();
    let stage: "well" | "killing" | "gone" | "restarting" | "back" = "well";
    let from = 0;
    let acted = Promise.resolve();
    const next = (to: typeof stage, done: number, act?: () => Promise<void>) => {
      from = done;
      stage = to;
      if (act) acted = acted.then(act);
    };
    const result = await runLoad(specOf(driver, standBy), {
      clock: realClock,
      rng: seededRng(1),
      target: { kind: "profile", profile: "t", file: "t", cluster: null, topology: null, nodes: [], scenarios: [] },
      urls: [],
      versions: { node: process.version },
      platform: process.platform,
      signal: over.signal,
      onEvent: ({ kind, phase, detail }) => {
        if (kind !== "memory-only") return;
        const { client } = detail as { client: string };
        if (phase === "start") lost.add(client);
        else lost.delete(client);
      },
      onProgress: ({ counts: { completed } }) => {
        if (stage === "well" && completed > stretch) next("killing", completed, () => redis.kill());
        else if (stage === "killing" && (lost.size === 2 || (!standBy && completed > from + stretch))) next("gone", completed);
        else if (stage === "gone" && completed > from + stretch) next("restarting", completed, () => redis.restart());
        else if (stage === "restarting" && lost.size === 0) next("back", completed);
        else if (stage === "back" && completed > from + stretch) over.abort();
      },
    });
    await acted;
    return result;
  }

  const outcomes = (result: LoadResult) =>
    Object.fromEntries(result.perCache.map(({ outcome, responseTimeUs }) => [outcome, responseTimeUs.n]));

  test.each(["redis", "tiered"])(
    "%s: memory answers, and result, report, page and metrics say so",
    { timeout: 150_000 },
    async (driver) => {
      const result = loadResultSchema.parse(await run(driver, true));
      expect(result.errorsByCause).toEqual({});
      const of = outcomes(result);
      expect(of["hit"]).toBeGreaterThan(20);
      expect(of["memory-hit"]).toBeGreaterThan(20);
      expect(of["memory-write"]).toBeGreaterThan(0);
      const [first] = result.memoryOnly!;
      expect(first).toMatchObject({ where: redis.url, untilMs: expect.any(Number) });
      expect(first!.untilMs!).toBeGreaterThan(first!.fromMs);
      expect(first!.problem).toContain(redis.url);

      const alone = Object.entries(of).reduce((sum, [outcome, n]) => sum + (outcome.startsWith("memory-") ? n : 0), 0);
      const report = loadReport(result, style);
      expect(report).toContain(`which alone answered ${alone.toLocaleString("en")} operations`);
      expect(report).toContain(`without ${redis.url} from `);
      const page = loadHtml({ result, series: loadSeries(result), version: "0" });
      expect(page).toContain(`memory only, without ${redis.url}`);
      expect(page).toContain(`without ${redis.url} from `);
      const samples = result.windows.flatMap((window) => windowSamples(window, Date.parse(result.startedAt), {}));
      const told = samples.filter(
        ({ name, labels }) => name === "ragctl_load_cache_operations" && labels["outcome"]?.startsWith("memory-"),
      );
      expect(told.reduce((sum, { value }) => sum + value, 0)).toBe(alone);
      expect(promText(samples)).toContain('ragctl_load_cache_operations{outcome="memory-hit"}');
    },
  );

  test("without stand-by its failures are errors", { timeout: 150_000 }, async () => {
    const result = await run("redis", false);
    expect(result.counts.errors).toBeGreaterThan(20);
    expect(result.memoryOnly).toBeUndefined();
    expect(Object.keys(outcomes(result)).toSorted()).toEqual(["hit", "miss", "write"]);
  });
});
