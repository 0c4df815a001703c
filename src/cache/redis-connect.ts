import type { Cluster, Redis, RedisOptions } from "ioredis";
import type { RedisAddress, RedisTarget } from "./redis-target.ts";

/** ioredis, tuned to fail soon: a cache that does not answer must not hold up what it is in front of. */
const failSoon = {
  lazyConnect: true,
  maxRetriesPerRequest: 1,
  connectTimeout: 1500,
  commandTimeout: 1500,
  // RESP2 is what every Redis since 2.0 and every proxy in front of one speaks.
  protocol: 2,
  retryStrategy: (times: number) => Math.min(50 * 2 ** times, 2000),
} satisfies RedisOptions;

/** A client that has not connected yet. The caller subscribes to `error` before its first command. */
export async function connectRedis(target: RedisTarget): Promise<Redis | Cluster> {
  const { Cluster, Redis } = await import("ioredis");
  if (target.kind === "single") return new Redis({ ...failSoon, ...addressOptions(target.address) });
  const first = target.addresses[0]!;
  if (target.kind === "sentinel")
    return new Redis({
      ...failSoon,
      ...credentials(first),
      name: target.name,
      sentinels: target.addresses.map(({ host, port }) => ({ host, port })),
      sentinelRetryStrategy: failSoon.retryStrategy,
      sentinelCommandTimeout: failSoon.commandTimeout,
      ...(first.tls ? { enableTLSForSentinelMode: true, sentinelTLS: {}, tls: {} } : {}),
    });
  const { retryStrategy: clusterRetryStrategy, lazyConnect, ...perNode } = failSoon;
  return new Cluster(
    target.addresses.map(({ host, port }) => ({ host, port })),
    {
      lazyConnect,
      clusterRetryStrategy,
      // Without one, ioredis never reconnects to a node that comes back in its old place.
      clusterNodeRetryStrategy: clusterRetryStrategy,
      slotsRefreshTimeout: 1500,
      redisOptions: { ...perNode, ...credentials(first), ...(first.tls ? { tls: {} } : {}) },
    },
  );
}

function addressOptions(address: RedisAddress): RedisOptions {
  const { host, port, db, tls } = address;
  return { host, port, db, ...credentials(address), ...(tls ? { tls: { servername: host } } : {}) };
}

function credentials({ username, password }: RedisAddress): RedisOptions {
  return { ...(username ? { username } : {}), ...(password ? { password } : {}) };
}
