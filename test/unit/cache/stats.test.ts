import { expect, test } from "vitest";
import { commandTimes, expiryForecast, nodeStats } from "../../../src/cache/stats/node.ts";
import { parseInfo } from "../../../src/cache/redis-info.ts";

const info = parseInfo(
  [
    "redis_version:7.0.15",
    "used_memory:1000",
    "maxmemory:0",
    "mem_fragmentation_ratio:1.50",
    "keyspace_hits:3",
    "keyspace_misses:1",
    "db0:keys=5,expires=5,avg_ttl=1",
    "cmdstat_get:calls=4,usec=20,usec_per_call=5.00",
    "cmdstat_info:calls=1,usec=900,usec_per_call=900.00",
    "latency_percentiles_usec_get:p50=4.015,p99=9.023,p99.9=9.023",
  ].join("\r\n"),
);

test("a server's INFO in our words", () => {
  expect(nodeStats("r:1", info, 5)).toMatchObject({
    keys: 5,
    hitRate: 0.75,
    maxBytes: null,
    fragmentation: 1.5,
    usedBytes: 1000,
  });
  expect(nodeStats("r:1", parseInfo(""), 0)).toMatchObject({ keys: 0, hitRate: null, fragmentation: null });
});

test("applications' commands alone, with their p99", () => {
  expect(commandTimes("r:1", info)).toEqual([{ command: "get", calls: 4, meanUs: 5, p99Us: 9.023, address: "r:1" }]);
});

test("when keys end: each server's sample stands for its keys", () => {
  const hourMs = 3_600_000;
  expect(
    expiryForecast([
      { keys: 1000, ttlsMs: [10, 30_000, hourMs, null] },
      { keys: 10, ttlsMs: [48 * hourMs] },
      { keys: 0, ttlsMs: [] },
    ]),
  ).toEqual([
    { withinMs: 60_000, keys: 500 },
    { withinMs: hourMs, keys: 250 },
    { withinMs: Number.MAX_SAFE_INTEGER, keys: 10 },
    { withinMs: null, keys: 250 },
  ]);
  expect(expiryForecast([])).toEqual([]);
});
