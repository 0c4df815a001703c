import type { CacheConfig } from "../config/schema.ts";
import type { Clock } from "../runtime.ts";
import type { CacheStore } from "./contract.ts";
import { redisTarget } from "./redis-target.ts";

type Build = (config: CacheConfig, deps: { clock: Clock }) => Promise<CacheStore>;

const memory: Build = async ({ maxBytes }, { clock }) => (await import("./memory.ts")).memoryCache({ maxBytes, clock });
const redis: Build = async (config, deps) => {
  const target = redisTarget(config);
  return await (await import("./redis.ts")).redisCache(target, deps);
};

/** Every cache there is, loaded on demand. */
const caches = {
  memory,
  redis,
  tiered: async (config, deps) => {
    const far = await redis(config, deps);
    return (await import("./tiered.ts")).tieredCache(await memory(config, deps), far);
  },
} as const satisfies Record<CacheConfig["driver"], Build>;

/**
 * The cache of a cluster's config. Nothing is asked of a Redis yet: the first command connects. Close it when done.
 * @throws RagctlError exit 2 where the config does not say which Redis
 */
export async function openCache(config: CacheConfig, deps: { clock: Clock }): Promise<CacheStore> {
  return await caches[config.driver](config, deps);
}
