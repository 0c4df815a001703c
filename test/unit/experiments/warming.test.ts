import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { resolveCluster } from "../../../src/config/resolve.ts";
import type { RagctlError } from "../../../src/errors.ts";
import { prepareExperiment } from "../../../src/experiments/prepare.ts";
import { readExperiment } from "../../../src/experiments/profile/read.ts";
import type { WarmStep } from "../../../src/experiments/profile/step.ts";
import { warmStep } from "../../../src/experiments/warming/warm.ts";
import type { WarmDeps, WarmRequest } from "../../../src/warming/request.ts";
import type { CacheWarmResult } from "../../../src/warming/result.ts";
import { fakeRuntime } from "../../helpers/fake-runtime.ts";
import { tempDir } from "../../helpers/temp-dir.ts";

const own = { driver: "redis", url: "redis://127.0.0.1:1", corpusVersion: "7", zones: { b: { url: "redis://127.0.0.1:2" } } };
const search = { executor: "constant-arrival-rate", rate: "10/s", operation: { kind: "search" } };
const lookup = {
  executor: "constant-arrival-rate",
  rate: "10/s",
  operation: { kind: "cache", keys: 20, ttl: "3m" },
  feed: { choice: "zipf" },
};
const outage = { fault: "zone-outage", zone: "b", for: "20s" };

async function prepared(method: object[], cache: object | "none" = own) {
  const cwd = tempDir({
    "x.yaml": stringify({
      load: { scenarios: { search, lookup } },
      setup: { points: 100, dim: 16 },
      steadyState: { thresholds: { errors: "rate<1%" }, before: "10s" },
      method,
    }),
    "ragctl.config.yaml": stringify({
      clusters: {
        test: {
          topology: "routed",
          store: { driver: "qdrant" },
          nodes: ["a", "b"].map((zone) => ({ id: zone, url: `http://${zone}`, zone })),
          routing: { replicas: 2 },
          ...(cache !== "none" && { cache }),
        },
      },
    }),
  });
  const cluster = await resolveCluster(fakeRuntime({ cwd }), { config: undefined, cluster: undefined });
  return prepareExperiment(await readExperiment(cwd, "x.yaml"), cluster);
}

const warmOf = ({ timeline }: Awaited<ReturnType<typeof prepared>>) =>
  timeline.steps.find(({ step }) => step.kind === "warm")!.step as WarmStep;

describe("where a cache is warmed", () => {
  test("in the zone that is left, for those who looked things up in the one that is gone", async () => {
    const experiment = await prepared([outage, { wait: "5s" }, { warm: "lookup", zone: "other", top: 7 }]);
    expect(warmOf(experiment)).toMatchObject({ scenario: "lookup", zone: "a", top: 7, ratePerSec: 200 });
    expect(experiment.timeline.steps.map(({ label }) => label)).toEqual([
      "zone-outage zone b",
      "wait",
      "warm the cache of zone a",
    ]);
    expect(experiment.load.profile.scenarios["lookup"]!.operation).toMatchObject({ kind: "cache", zone: "b" });
    expect(experiment.notes).toEqual([]);
  });

  test.each([
    ["no cache at all", "none" as const],
    ["memory in each process", { driver: "memory" }],
  ])("%s: step and lookups are left out, and it is said why", async (_name, cache) => {
    const experiment = await prepared([outage, { warm: "lookup", zone: "other" }], cache);
    expect(warmOf(experiment).skip).toContain("has no cache that its clients share");
    expect(Object.keys(experiment.load.profile.scenarios)).toEqual(["search"]);
    expect(experiment.notes).toHaveLength(1);
  });

  test("one cache for all zones loses nothing with one of them: the lookups stay", async () => {
    const experiment = await prepared([outage, { warm: "lookup", zone: "other" }], {
      driver: "redis",
      url: "redis://127.0.0.1:1",
    });
    expect(warmOf(experiment).skip).toContain("share one cache");
    expect(Object.keys(experiment.load.profile.scenarios)).toEqual(["search", "lookup"]);
  });

  test.each<[string, object[], string]>([
    [
      "a scenario that looks nothing up",
      [outage, { warm: "search", zone: "other" }],
      'whose operation is cache, got "search"; expected one of lookup',
    ],
    ["no zone was taken", [{ warm: "lookup", zone: "other" }, outage], "No fault before it takes a whole zone"],
    ["no such zone", [{ warm: "lookup", zone: "c" }], 'no cache serves zone "c"'],
    ["none is left", [outage, { ...outage, zone: "a" }, { warm: "lookup", zone: "other" }], "no zone is left that has a cache"],
  ])("is refused: %s", async (_name, method, message) => {
    const error = await prepared(method).then(
      () => undefined,
      (thrown: RagctlError) => thrown,
    );
    expect(error).toMatchObject({
      exitCode: 2,
      details: [expect.objectContaining({ message: expect.stringContaining(message) })],
    });
  });
});

describe("warming", () => {
  const result = (more: Partial<CacheWarmResult>) =>
    ({
      planned: 12,
      warmed: 10,
      skipped: 2,
      failed: 0,
      left: 0,
      predictedHitRate: 0.8,
      elapsedMs: 5,
      ...more,
    }) as CacheWarmResult;

  async function warmed(asked: number) {
    const experiment = await prepared([outage, { warm: "lookup", zone: "other" }]);
    const dir = tempDir({});
    let given!: { request: WarmRequest; deps: WarmDeps };
    const warming = await warmStep(
      warmOf(experiment),
      {
        prepared: experiment,
        tag: "t1",
        dir,
        asked: () => asked,
        deps: {
          runtime: fakeRuntime({ cwd: dir }),
          warn: () => undefined,
          async warm(request, deps) {
            given = { request, deps };
            return result({
              before: { references: 9, hits: 1, hitRate: 0.11, plannedHitRate: 0 },
              after: { references: 9, hits: 8, hitRate: 0.89, plannedHitRate: 0.5 },
            });
          },
        },
      },
      new AbortController().signal,
    );
    return { ...given, warming };
  }

  test("what the load has asked is stored under the load's own keys, in the cache of that zone, by searches of the experiment's collection", async () => {
    const { request, deps } = await warmed(40);
    expect(request.through).toEqual({ kind: "cluster", k: 10, collection: "ragctl-chaos" });
    const { cache, embedder } = deps.cluster;
    expect(cache).toMatchObject({ driver: "redis", url: "redis://127.0.0.1:1", format: "raw", resultTtl: 180_000 });
    expect(cache!.keys).toEqual({ result: "load:t1:{query}", embedding: "load:t1:embedding:{query}" });
    expect(cache).not.toHaveProperty("zones");
    expect(cache).not.toHaveProperty("corpusVersion");
    expect(embedder).toEqual({ driver: "hashing", dim: 16 });
    expect(existsSync((await deps.begin({} as never, []))!.dir)).toBe(true);
  });

  test("counts of what was asked, judged by what comes later, the same each time", async () => {
    const { request } = await warmed(40);
    if (request.source.kind !== "file") throw new Error("expected a list");
    const [head, ...lines] = readFileSync(request.source.file, "utf8").trim().split("\n");
    expect(head).toBe("query,count");
    const counts = lines.map((line) => line.split(",").map(Number) as [number, number]);
    expect(counts.reduce((sum, [, count]) => sum + count, 0)).toBe(40);
    expect(counts.every(([query]) => query >= 0 && query < 20)).toBe(true);
    // Zipf's law: whatever is asked most is asked far more often than most.
    expect(Math.max(...counts.map(([, count]) => count))).toBeGreaterThan(4);
    expect(readFileSync(request.source.replayLog!, "utf8").trim().split("\n")).toHaveLength(40);
    const again = (await warmed(40)).request.source;
    expect(
      readFileSync(again.kind === "file" ? again.file : "", "utf8")
        .trim()
        .split("\n")
        .slice(1),
    ).toEqual(lines);
  });

  test("its figures", async () => {
    expect((await warmed(9)).warming).toEqual({
      zone: "a",
      planned: 12,
      warmed: 10,
      skipped: 2,
      failed: 0,
      left: 0,
      hitRateBefore: 0.11,
      hitRateAfter: 0.89,
      predictedHitRate: 0.8,
      elapsedMs: 5,
    });
  });
});

test("the shipped region-outage warms the zone that is left where each has a cache, and runs without any", async () => {
  const shipped = await readExperiment(tempDir({}), "region-outage");
  const four = async (cache: object | undefined) => {
    const cwd = tempDir({
      "ragctl.config.yaml": stringify({
        clusters: {
          test: {
            topology: "routed",
            store: { driver: "qdrant" },
            nodes: ["a", "b", "a", "b"].map((zone, at) => ({ id: `n${at}`, url: `http://127.0.0.1:${7000 + at}`, zone })),
            routing: { replicas: 2 },
            ...(cache && { cache }),
          },
        },
      }),
    });
    return prepareExperiment(shipped, await resolveCluster(fakeRuntime({ cwd }), { config: undefined, cluster: undefined }));
  };
  const warm = warmOf(await four(own));
  expect(warm.skip).toBeUndefined();
  expect(["a", "b"]).toContain(warm.zone);
  const without = await four(undefined);
  expect(warmOf(without).skip).toBeDefined();
  expect(Object.keys(without.load.profile.scenarios)).toEqual(["search", "upsert", "readBack"]);
});
