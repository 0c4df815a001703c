import type { CacheConfig, ClusterConfig } from "../../config/schema.ts";
import { usageError } from "../../errors.ts";
import type { OperationProfile } from "./schema.ts";

type Said = Extract<OperationProfile, { kind: "cached-search" }>["cache"];

/**
 * The cache of a scenario: as the config has it, but for what the profile says, under keys of the run's own, so that it begins empty and no application's are touched.
 * @throws RagctlError exit 2 where a Redis is wanted and the config names none
 */
export function cachedAs({ name, cache }: ClusterConfig, { driver, maxBytes, ttl, nearTtl }: Said, prefix: string): CacheConfig {
  const chosen = driver ?? cache?.driver ?? "memory";
  const hasRedis = cache !== undefined && (cache.url ?? cache.cluster ?? cache.sentinel) !== undefined;
  if (chosen !== "memory" && !hasRedis)
    throw usageError([
      {
        path: "operation.cache.driver",
        message: `${chosen} needs a Redis, and the config names none under cache of cluster ${name}`,
      },
    ]);
  return {
    namespace: "rag",
    resultTtl: 3_600_000,
    embeddingTtl: 7_200_000,
    ...cache,
    driver: chosen,
    maxBytes: maxBytes ?? cache?.maxBytes ?? 64 * 2 ** 20,
    keys: { result: `${prefix}:{sha256(query)}` },
    ...(ttl !== undefined && { resultTtl: ttl }),
    ...(nearTtl !== undefined && { nearTtl }),
  };
}

/** What a question that misses costs by the config's prices; 0 without. */
export function priceOf({ cache }: ClusterConfig): number {
  const { millionTokens = 0, query = 0, tokensPerQuery = 0 } = cache?.prices ?? {};
  return query + (tokensPerQuery / 1e6) * millionTokens;
}

/** Where the answers are kept, for people: `memory in each of 3 servers`. */
export function placementOf(driver: CacheConfig["driver"], servers: number): string {
  if (driver === "redis") return servers === 1 ? "Redis" : `one Redis for ${servers} servers`;
  const memory = servers === 1 ? "memory" : `memory in each of ${servers} servers`;
  return driver === "memory" ? memory : `${memory} before one Redis`;
}
