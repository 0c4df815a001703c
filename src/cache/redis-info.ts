import type { CacheDescription } from "./contract.ts";

type Facts = Pick<CacheDescription, "version" | "entries" | "usedBytes" | "maxBytes" | "hits" | "misses" | "evictions">;

/** `key:value` lines of INFO. */
export function parseInfo(text: string): Map<string, string> {
  const lines = text.split(/\r?\n/).filter((line) => line.includes(":") && !line.startsWith("#"));
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1)]));
}

/** The servers of a cache together: counts add up, the version is the first one's; a limit only where all have one. */
export function sumInfo(servers: Map<string, string>[]): Facts {
  const sum = (name: string) => servers.reduce((total, info) => total + Number(info.get(name) ?? 0), 0);
  const entries = servers.reduce((total, info) => total + keysOf(info), 0);
  const limited = servers.every((info) => Number(info.get("maxmemory") ?? 0) > 0);
  const version = servers[0]?.get("redis_version");
  return {
    ...(version === undefined ? {} : { version }),
    entries,
    usedBytes: sum("used_memory"),
    ...(limited && servers.length > 0 ? { maxBytes: sum("maxmemory") } : {}),
    hits: sum("keyspace_hits"),
    misses: sum("keyspace_misses"),
    evictions: sum("evicted_keys"),
  };
}

/** `db0:keys=3,expires=1,avg_ttl=0`, over all databases. */
export function keysOf(info: ReadonlyMap<string, string>): number {
  let keys = 0;
  for (const [name, value] of info) if (/^db\d+$/.test(name)) keys += Number(/keys=(\d+)/.exec(value)?.[1] ?? 0);
  return keys;
}
