import type { CacheConfig } from "../config/schema.ts";
import { usageError, type Problem } from "../errors.ts";

/** One Redis server, from its URL. */
export interface RedisAddress {
  host: string;
  port: number;
  tls: boolean;
  username?: string;
  password?: string;
  db: number;
}

export type RedisTarget = { tls?: NonNullable<CacheConfig["tls"]> } & (
  | { kind: "single"; address: RedisAddress }
  | { kind: "cluster"; addresses: RedisAddress[] }
  | { kind: "sentinel"; name: string; addresses: RedisAddress[] }
);

/**
 * Which Redis a cache config means; its own `password` wins over those in URLs.
 * @throws RagctlError exit 2 unless exactly one of `url`, `cluster` and `sentinel` is there, and with `tls` where one of them is not `rediss://`
 */
export function redisTarget(
  config: Pick<CacheConfig, "driver" | "url" | "cluster" | "sentinel" | "password" | "tls">,
): RedisTarget {
  const { url, cluster, sentinel, password, tls } = config;
  const given = [url && "url", cluster && "cluster", sentinel && "sentinel"].filter(Boolean);
  if (given.length !== 1) {
    const problem: Problem = {
      path: "cache",
      message:
        given.length === 0
          ? `driver ${config.driver} needs one of url, cluster, sentinel`
          : `only one of ${given.join(", ")} can be used`,
    };
    throw usageError([problem], { code: "config-invalid" });
  }
  const parse = (text: string) => ({ ...parseRedisUrl(text), ...(password === undefined ? {} : { password }) });
  const plain = [url ?? [], cluster ?? [], sentinel?.nodes ?? []].flat().find((each) => !each.startsWith("rediss:"));
  if (tls && plain !== undefined)
    throw usageError([{ path: "cache.tls", message: `is for rediss://, and ${showAddress(parse(plain))} is none` }], {
      code: "config-invalid",
    });
  const over = tls ? { tls } : {};
  if (url) return { kind: "single", address: parse(url), ...over };
  if (cluster) return { kind: "cluster", addresses: cluster.map(parse), ...over };
  return { kind: "sentinel", name: sentinel!.name, addresses: sentinel!.nodes.map(parse), ...over };
}

function parseRedisUrl(text: string): RedisAddress {
  const url = new URL(text);
  const db = Number(url.pathname.slice(1) || 0);
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, "$1") || "127.0.0.1",
    port: Number(url.port || 6379),
    tls: url.protocol === "rediss:",
    db: Number.isInteger(db) ? db : 0,
    ...(url.username ? { username: decodeURIComponent(url.username) } : {}),
    ...(url.password ? { password: decodeURIComponent(url.password) } : {}),
  };
}

/** `redis://host:6379`: what may be shown. */
export function showAddress({ host, port, tls }: RedisAddress): string {
  return `${tls ? "rediss" : "redis"}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
