import { openCache } from "../../cache/index.ts";
import type { CacheConfig } from "../../config/schema.ts";
import { createEmbedder } from "../../embed/index.ts";
import type { Clock } from "../../runtime.ts";
import type { CacheOperationSpec, EmbedOperationSpec } from "../contract.ts";
import type { OperationDeps } from "./deps.ts";

/** The cache shows a sign of life. @throws RagctlError exit 3 */
export function cachePreflight(spec: CacheOperationSpec, { clock }: OperationDeps): Promise<void> {
  return pingCache(spec.cache, clock);
}

/** @throws RagctlError exit 3 */
export async function pingCache(config: CacheConfig, clock: Clock): Promise<void> {
  const cache = await openCache(config, { clock });
  try {
    await cache.ping();
  } finally {
    await cache.close();
  }
}

/** The embedder embeds one text. @throws RagctlError exit 3 */
export async function embedPreflight(spec: EmbedOperationSpec, { clock, rng }: OperationDeps): Promise<void> {
  const embedder = await createEmbedder(spec.embedder, { clock, rng });
  try {
    await embedder.embed([spec.texts[0]!]);
  } finally {
    await embedder.close();
  }
}
