import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import type { ConnectionOptions } from "node:tls";
import type { Cluster, Redis, RedisOptions } from "ioredis";
import { usageError, type Problem } from "../errors.ts";
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

/**
 * A client that has not connected yet. The caller subscribes to `error` before its first command.
 * @throws RagctlError exit 2 naming every file of `tls` that cannot be read
 */
export async function connectRedis(target: RedisTarget): Promise<Redis | Cluster> {
  const { Cluster, Redis } = await import("ioredis");
  const first = target.kind === "single" ? target.address : target.addresses[0]!;
  const tls = first.tls ? await readTls(target.tls) : undefined;
  if (target.kind === "single") {
    const { host, port, db } = first;
    return new Redis({ ...failSoon, host, port, db, ...credentials(first), ...(tls && { tls: named(tls, host) }) });
  }
  const servers = target.addresses.map(({ host, port }) => ({ host, port }));
  if (target.kind === "sentinel")
    return new Redis({
      ...failSoon,
      ...credentials(first),
      name: target.name,
      sentinels: servers,
      sentinelRetryStrategy: failSoon.retryStrategy,
      sentinelCommandTimeout: failSoon.commandTimeout,
      ...(tls && { enableTLSForSentinelMode: true, sentinelTLS: tls, tls }),
    });
  const { retryStrategy: clusterRetryStrategy, lazyConnect, ...perNode } = failSoon;
  return new Cluster(servers, {
    lazyConnect,
    clusterRetryStrategy,
    // Without one, ioredis never reconnects to a node that comes back in its old place.
    clusterNodeRetryStrategy: clusterRetryStrategy,
    slotsRefreshTimeout: 1500,
    redisOptions: { ...perNode, ...credentials(first), ...(tls && { tls }) },
  });
}

function credentials({ username, password }: RedisAddress): RedisOptions {
  return { ...(username ? { username } : {}), ...(password ? { password } : {}) };
}

/** The name that a server behind one address is asked by; addresses are no names. */
function named(tls: ConnectionOptions, host: string): ConnectionOptions {
  return tls.servername === undefined && isIP(host) === 0 ? { ...tls, servername: host } : tls;
}

async function readTls({ caFile, certFile, keyFile, serverName }: RedisTarget["tls"] = {}): Promise<ConnectionOptions> {
  const problems: Problem[] = [];
  const read = async (field: string, path: string | undefined) => {
    if (path === undefined) return undefined;
    try {
      return await readFile(path);
    } catch (error) {
      problems.push({ path: `cache.tls.${field}`, message: `${path} cannot be read: ${(error as Error).message}` });
      return undefined;
    }
  };
  const [ca, cert, key] = await Promise.all([read("caFile", caFile), read("certFile", certFile), read("keyFile", keyFile)]);
  if (problems.length > 0) throw usageError(problems, { code: "tls-invalid" });
  return {
    ...(ca && { ca }),
    ...(cert && { cert }),
    ...(key && { key }),
    ...(serverName !== undefined && { servername: serverName }),
  };
}
