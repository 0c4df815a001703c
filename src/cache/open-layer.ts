import type { CacheConfig, EmbedderConfig } from "../config/schema.ts";
import type { Clock, Rng } from "../runtime.ts";
import type { CacheLayer, MemoryOnly } from "./contract.ts";
import { cacheLayer } from "./layer/layer.ts";
import type { FarStore } from "./layer/far.ts";
import { memoryCache } from "./memory.ts";
import { memoryPopularity } from "./popularity/memory.ts";
import { redisPopularity } from "./popularity/redis.ts";
import type { PopularityReader, PopularityRecorder } from "./popularity/contract.ts";
import { redisLink, type RedisLink } from "./redis-link.ts";
import { redisLocks } from "./redis-lock.ts";
import { redisStore } from "./redis.ts";
import { redisTarget } from "./redis-target.ts";
import { cacheSettings } from "./settings.ts";

export interface LayerDeps {
  clock: Clock;
  rng: Rng;
  onMemoryOnly?: (episode: MemoryOnly) => void;
  /** Who counts what is asked, in place of the cache's own. */
  popularity?: PopularityRecorder;
}

/** What of a cluster's config a cache depends on. */
export interface CachedCluster {
  cache: CacheConfig;
  embedder?: EmbedderConfig | undefined;
}

/**
 * The cache of a cluster as applications use it. Nothing is asked of a Redis yet. Close it when done.
 * @throws RagctlError exit 2 where the config does not say which Redis, or has a key template that cannot be read
 */
export async function openLayer({ cache, embedder }: CachedCluster, deps: LayerDeps): Promise<CacheLayer> {
  const { clock } = deps;
  const settings = cacheSettings(cache, embedder);
  const near = memoryCache({ maxBytes: cache.maxBytes, clock });
  const link = cache.driver === "memory" ? undefined : await redisLink(redisTarget(cache), { clock });
  const far: FarStore | undefined = link && { ...redisStore(link, { clock }), ...redisLocks(link) };
  return cacheLayer({
    settings,
    near,
    far,
    nearFirst: cache.driver !== "redis",
    ...deps,
    popularity: deps.popularity ?? popularityOn(link, cache, clock),
  });
}

/** Who counts what is asked, and knows what was: in the cache's Redis, or in memory where there is none. */
export function popularityOn(
  link: RedisLink | undefined,
  cache: CacheConfig,
  clock: Clock,
): PopularityRecorder & PopularityReader {
  const { base, popularity } = cacheSettings(cache, undefined);
  return link ? redisPopularity({ link, base, ...popularity, clock }) : memoryPopularity({ ...popularity, clock });
}
