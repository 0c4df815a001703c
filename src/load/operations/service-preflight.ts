import { openCache } from "../../cache/index.ts";
import { createEmbedder } from "../../embed/index.ts";
import type { CacheOperationSpec, EmbedOperationSpec } from "../contract.ts";
import type { OperationDeps } from "./deps.ts";

/** The cache shows a sign of life. @throws RagctlError exit 3 */
export async function cachePreflight(spec: CacheOperationSpec, { clock }: OperationDeps): Promise<void> {
  const cache = await openCache(spec.cache, { clock });
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
