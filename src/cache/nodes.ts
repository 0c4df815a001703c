import type { Redis } from "ioredis";
import type { CacheConfig } from "../config/schema.ts";
import { usageError } from "../errors.ts";
import type { Clock } from "../runtime.ts";
import { redisLink, type RedisLink } from "./redis-link.ts";
import { redisTarget } from "./redis-target.ts";

/** One server that holds keys. */
export interface CacheServer {
  address: string;
  server: Redis;
}

/**
 * The link to a cluster's Redis, connected, with the servers that hold its keys. Close the link when done.
 * @throws RagctlError exit 2 where there is no Redis to ask, exit 3 where it does not answer
 */
export async function openServers(
  { cache, name }: { cache?: CacheConfig | undefined; name: string },
  clock: Clock,
): Promise<{ link: RedisLink; servers: CacheServer[] }> {
  const problem =
    cache === undefined
      ? `cluster ${name} has no cache in its config`
      : cache.driver === "memory"
        ? `the cache of cluster ${name} is memory, in each application's own process: there is no server to ask`
        : undefined;
  if (cache === undefined || problem !== undefined)
    throw usageError([{ path: "cache", message: problem! }], { hint: "give cache.url, cache.cluster or cache.sentinel" });
  const link = await redisLink(redisTarget(cache), { clock });
  try {
    await link.ask(() => link.client.ping());
    return { link, servers: link.primaries() };
  } catch (error) {
    link.close();
    throw error;
  }
}
