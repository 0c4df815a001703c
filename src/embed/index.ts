import { join } from "node:path";
import type { EmbedderConfig } from "../config/schema.ts";
import { usageError } from "../errors.ts";
import type { Clock, Rng } from "../runtime.ts";
import type { Embedder } from "./contract.ts";
import type { VectorMemo } from "./memo/contract.ts";

export interface EmbedderDeps {
  clock: Clock;
  /** Spreads retries of many clients; without it they keep to the plain backoff. */
  rng?: Rng;
  /** Takes sentences on what it does without: a Redis that does not answer, a cache that cannot be written. */
  warn?: (text: string) => void;
  /** Where vectors are kept that were paid for, as far as the config says so; without it none are, as a measurement wants it. */
  memoDir?: string;
}

type Build<D extends EmbedderConfig["driver"]> = (
  config: Extract<EmbedderConfig, { driver: D }>,
  deps: EmbedderDeps,
) => Promise<Embedder>;

/** Every embedder there is, loaded on demand. */
const embedders = {
  hashing: async ({ dim }) => (await import("./hashing.ts")).hashingEmbedder(dim),
  openai: async (config, deps) => {
    const { openaiEmbedder } = await import("./openai.ts");
    const { rate, redis } = config;
    if (rate === undefined) return openaiEmbedder(config, deps);
    const { openLimiter } = await import("./limit/open.ts");
    const { url, model, timeout: timeoutMs } = config;
    const { clock, rng = () => 0.5, warn = () => {} } = deps;
    const limiter = await openLimiter({ url, model, ratePerSec: rate, redis, timeoutMs }, { clock, rng, warn });
    return openaiEmbedder(config, { ...deps, limiter });
  },
} as const satisfies { [D in EmbedderConfig["driver"]]: Build<D> };

/**
 * The embedder of a cluster's config; feature hashing into 384 dims where it names none. Close it when done.
 * @throws RagctlError exit 2 where the config contradicts itself
 */
export async function createEmbedder(config: EmbedderConfig | undefined, deps: EmbedderDeps): Promise<Embedder> {
  if (config?.driver !== "openai") return await embedders.hashing(config ?? { driver: "hashing", dim: 384 });
  if (config.cache === "redis" && config.redis === undefined)
    throw usageError([{ path: "embedder.redis", message: "must be given with cache: redis" }], { code: "config-invalid" });
  const embedder = await embedders.openai(config, deps);
  const { warn = () => {} } = deps;
  const memo = await openMemo(config, embedder, deps).catch((error: unknown) => {
    warn(`the cache of embeddings cannot be used (${(error as Error).message}); texts are embedded anew`);
    return undefined;
  });
  if (!memo) return embedder;
  const { rememberingEmbedder } = await import("./memo/embedder.ts");
  return rememberingEmbedder(embedder, memo, warn);
}

async function openMemo(
  { cache = "disk", redis, cacheSize = 4 * 2 ** 30 }: Extract<EmbedderConfig, { driver: "openai" }>,
  { name, dim }: Embedder,
  { memoDir }: EmbedderDeps,
): Promise<VectorMemo | undefined> {
  if (memoDir === undefined || cache === "off") return undefined;
  if (cache === "redis" && redis !== undefined) return await (await import("./memo/redis.ts")).redisMemo(redis);
  const { sqliteMemo } = await import("./memo/sqlite.ts");
  // A file for each model, so that one that is no longer used can be deleted.
  return await sqliteMemo(join(memoDir, `${name.replaceAll(/[^\w.-]+/g, "_")}-${dim}.sqlite`), cacheSize);
}
