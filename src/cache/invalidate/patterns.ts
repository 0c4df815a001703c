import type { CacheConfig, EmbedderConfig } from "../../config/schema.ts";
import type { CacheKind } from "../contract.ts";
import { cacheKinds, cacheSettings } from "../settings.ts";

/** What is to go: globs as they are, or everything of one namespace, corpus version, or kind. */
interface InvalidateWish {
  patterns: readonly string[];
  namespace?: string | undefined;
  /** Of that corpus, whatever embedder made it. */
  corpusVersion?: string | undefined;
  /** Empty: all. */
  kinds: readonly CacheKind[];
}

/** Globs of Redis's. @throws RagctlError exit 2 where a key template of the config cannot be read */
export function invalidatePatterns(wish: InvalidateWish, cache: CacheConfig, embedder: EmbedderConfig | undefined): string[] {
  const { patterns, namespace, corpusVersion, kinds } = wish;
  if (patterns.length > 0) return [...patterns];
  const chosen = kinds.length > 0 ? kinds : cacheKinds;
  if (corpusVersion === undefined) {
    const { templates, namespace: own } = cacheSettings(cache, embedder);
    return chosen.map((kind) => templates[kind].pattern(namespace ?? own));
  }
  // Its namespace alone, and with any embedder behind it: the tilde cannot occur within a version.
  const ofVersion = { ...cache, corpusVersion, ...(namespace !== undefined && { namespace }) };
  const { templates, namespace: bare } = cacheSettings(ofVersion, undefined);
  return chosen.flatMap((kind) => {
    const glob = templates[kind].pattern(bare);
    const any = templates[kind].pattern(`${bare}~\u0000`).replace("\u0000", "*");
    return glob === any ? [glob] : [glob, any];
  });
}
