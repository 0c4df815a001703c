import { expect, test } from "vitest";
import { cacheOfZone, cachesWithin, inZone, zoneCaches } from "../../../src/cache/zones.ts";
import type { CacheConfig, ClusterConfig } from "../../../src/config/schema.ts";

const clusterOf = (zones: (string | undefined)[], cache: Partial<CacheConfig> | undefined) =>
  ({
    name: "prod",
    nodes: zones.map((zone, at) => ({ id: `n${at + 1}`, url: `http://n${at + 1}`, ...(zone !== undefined && { zone }) })),
    ...(cache && { cache }),
  }) as unknown as ClusterConfig;
const redis = { driver: "redis", url: "redis://all", namespace: "rag", password: "x" } as const;

test.each<[string, (string | undefined)[], Partial<CacheConfig> | undefined, [string, string[], string?][]]>([
  ["none", ["a", "b"], undefined, []],
  ["memory is nobody else's", ["a", "b"], { driver: "memory" }, []],
  ["one for all, without zones", [undefined], redis, [["cache", [], "redis://all"]]],
  ["one for all zones", ["a", "b", "a"], redis, [["cache", ["a", "b"], "redis://all"]]],
  [
    "one zone has its own: the others share",
    ["a", "b", "c"],
    { ...redis, zones: { b: { url: "redis://b" } } },
    [
      ["cache", ["a", "c"], "redis://all"],
      ["cache-b", ["b"], "redis://b"],
    ],
  ],
  [
    "each has its own: nobody is left for the other, and a cluster is one too",
    ["a", "x/y"],
    { ...redis, zones: { a: { cluster: ["redis://1", "redis://2"] }, "x/y": { url: "redis://y" } } },
    [
      ["cache-a", ["a"], undefined],
      ["cache-x%2Fy", ["x/y"], "redis://y"],
    ],
  ],
])("%s", (_name, zones, cache, expected) => {
  expect(zoneCaches(clusterOf(zones, cache)).map((each) => [each.id, each.zones, each.cache.url])).toEqual(expected);
});

test("a zone's own cache is in the place of all others', with all else as it is", () => {
  const cache = {
    ...redis,
    zones: { b: { cluster: ["redis://b"] }, c: { url: "redis://c", password: "y" } },
  } as unknown as CacheConfig;
  expect(cacheOfZone(cache, "b")).toEqual({ driver: "redis", namespace: "rag", password: "x", cluster: ["redis://b"] });
  expect(cacheOfZone(cache, "c")).toEqual({ driver: "redis", namespace: "rag", password: "y", url: "redis://c" });
  for (const zone of ["a", undefined]) expect(cacheOfZone(cache, zone)).toEqual(redis);
});

test("what goes with a zone: its own cache, and one that serves nobody else; never what others use too", () => {
  const own = clusterOf(["a", "b"], { ...redis, zones: { b: { url: "redis://b" } } });
  expect(cachesWithin(own, "b").map(({ id }) => id)).toEqual(["cache-b"]);
  expect(cachesWithin(own, "a").map(({ id }) => id)).toEqual(["cache"]);
  expect(cachesWithin(clusterOf(["a", "b"], redis), "a")).toEqual([]);
});

test("a zone that no node is in is said to be none", () => {
  const cluster = clusterOf(["east", "west"], redis);
  expect(inZone(cluster, undefined)).toBe(cluster);
  expect(() => inZone(cluster, "est")).toThrow(
    expect.objectContaining({
      exitCode: 2,
      details: [{ path: "--zone", message: 'no node of prod is in zone "est"; did you mean "east"?' }],
    }),
  );
});
