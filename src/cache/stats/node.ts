import type { CacheNodeStats, CacheStatsResult } from "./result.ts";
import { keysOf } from "../redis-info.ts";

type Info = ReadonlyMap<string, string>;

/** What a server's INFO says, in our words. */
export function nodeStats(address: string, info: Info, sampledKeys: number): CacheNodeStats {
  const number = (name: string) => Number(info.get(name) ?? 0);
  const [hits, misses, maxBytes] = [number("keyspace_hits"), number("keyspace_misses"), number("maxmemory")];
  const fragmentation = number("mem_fragmentation_ratio");
  return {
    address,
    problem: null,
    version: info.get("redis_version") ?? null,
    replicas: number("connected_slaves"),
    policy: info.get("maxmemory_policy") ?? "unknown",
    uptimeSec: number("uptime_in_seconds"),
    keys: keysOf(info),
    hits,
    misses,
    hitRate: hits + misses === 0 ? null : hits / (hits + misses),
    opsPerSec: number("instantaneous_ops_per_sec"),
    usedBytes: number("used_memory"),
    maxBytes: maxBytes > 0 ? maxBytes : null,
    fragmentation: fragmentation > 0 ? fragmentation : null,
    evicted: number("evicted_keys"),
    expired: number("expired_keys"),
    clients: number("connected_clients"),
    sampledKeys,
  };
}

/** A server that did not answer. */
export function silentNode(address: string, problem: string): CacheNodeStats {
  return { ...nodeStats(address, new Map(), 0), problem, policy: "unknown" };
}

/** Commands of operators, this one among them: of an application's cache they say nothing. */
const ofOperators =
  /^(acl|auth|client|cluster|command|config|debug|hello|info|latency|memory|monitor|object|psync|replconf|scan|select|slowlog)\b/;

/** `cmdstat_get:calls=3,usec=12,usec_per_call=4.00,…` and `latency_percentiles_usec_get:p50=1.0,p99=3.0,p99.9=3.0`. */
export function commandTimes(address: string, info: Info): CacheStatsResult["slowestCommands"] {
  const fields = (text: string) => new Map(text.split(",").map((part) => part.split("=") as [string, string]));
  return [...info].flatMap(([name, text]) => {
    const command = /^cmdstat_(.+)$/.exec(name)?.[1];
    if (command === undefined || ofOperators.test(command)) return [];
    const stat = fields(text);
    const p99 = fields(info.get(`latency_percentiles_usec_${command}`) ?? "").get("p99");
    return [
      {
        command: command.replace("|", " "),
        calls: Number(stat.get("calls") ?? 0),
        meanUs: Number(stat.get("usec_per_call") ?? 0),
        p99Us: p99 === undefined ? null : Number(p99),
        address,
      },
    ];
  });
}

const borders = [60_000, 600_000, 3_600_000, 6 * 3_600_000, 24 * 3_600_000, Infinity];

/**
 * When keys end, from samples.
 * @param nodes each with its number of keys and the TTLs of those that were sampled (ms; null: never)
 * @returns rows of `within`, each key in the first that it fits, the last for keys that never end; none without keys
 */
export function expiryForecast(
  nodes: readonly { keys: number; ttlsMs: readonly (number | null)[] }[],
): CacheStatsResult["expiry"] {
  const rows = [...borders, null].map((border) => ({
    border,
    keys: nodes.reduce((sum, { keys, ttlsMs }) => {
      const here = ttlsMs.filter((ttlMs) => rowOf(ttlMs) === border).length;
      return sum + (ttlsMs.length === 0 ? 0 : (here / ttlsMs.length) * keys);
    }, 0),
  }));
  return rows
    .filter(({ keys }) => keys > 0)
    .map(({ border, keys }) => ({
      withinMs: border === Infinity ? Number.MAX_SAFE_INTEGER : border,
      keys: Math.round(keys),
    }));
}

function rowOf(ttlMs: number | null): number | null {
  return ttlMs === null ? null : borders.find((border) => ttlMs <= border)!;
}
