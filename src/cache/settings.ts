import type { CacheConfig, EmbedderConfig } from "../config/schema.ts";
import { usageError, type Problem } from "../errors.ts";
import type { CacheKind } from "./contract.ts";
import { defaultTemplates, namespaceOf, parseKeyTemplate, type KeyTemplate } from "./keys.ts";

export const cacheKinds = ["result", "embedding", "answer"] as const satisfies readonly CacheKind[];

/** A cache config with everything filled in. Times are milliseconds. */
export interface CacheSettings {
  namespace: string;
  /** The namespace without corpus version and embedder: what was asked outlives an index. */
  base: string;
  templates: Record<CacheKind, KeyTemplate>;
  ttlMs: Record<CacheKind, number>;
  negativeTtlMs: number;
  nearTtlMs: number;
  /** Share, 0 to 1. */
  ttlJitter: number;
  format: "framed" | "raw";
  compression: "zstd" | "gzip" | "off";
  compressAboveBytes: number;
  /** Beta of XFetch; 0 is never. */
  earlyRefresh: number;
  lockMs: number;
  popularity: { keep: number; halfLifeMs: number };
}

const minuteMs = 60_000;

/**
 * The one table of a cache's defaults.
 * @param embedder of the cluster; the namespace names it where the config gives a corpus version
 * @throws RagctlError exit 2 where a key template cannot be read
 */
export function cacheSettings(config: CacheConfig, embedder: EmbedderConfig | undefined): CacheSettings {
  const { namespace: base, corpusVersion } = config;
  return {
    namespace:
      corpusVersion === undefined
        ? base
        : namespaceOf(base, { corpusVersion, ...(embedder && { embedder: embedderName(embedder) }) }),
    base,
    templates: templatesOf(config),
    ttlMs: { result: config.resultTtl, embedding: config.embeddingTtl, answer: config.answerTtl ?? 10 * minuteMs },
    negativeTtlMs: config.negativeTtl ?? minuteMs / 2,
    nearTtlMs: config.nearTtl ?? minuteMs,
    ttlJitter: config.ttlJitter ?? 0.1,
    format: config.format ?? "framed",
    compression: config.compression ?? "zstd",
    compressAboveBytes: config.compressAbove ?? 1024,
    earlyRefresh: config.earlyRefresh ?? 1,
    lockMs: config.lock ?? 10_000,
    popularity: {
      keep: config.popularity?.keep ?? 10_000,
      halfLifeMs: config.popularity?.halfLife ?? 24 * 60 * minuteMs,
    },
  };
}

function embedderName(embedder: EmbedderConfig): string {
  return embedder.driver === "openai" ? embedder.model : `${embedder.driver}-${embedder.dim}`;
}

function templatesOf({ keys }: CacheConfig): Record<CacheKind, KeyTemplate> {
  const problems: Problem[] = [];
  const parsed = cacheKinds.map((kind) => {
    const text = keys?.[kind] ?? defaultTemplates[kind];
    try {
      return [kind, parseKeyTemplate(text)] as const;
    } catch (error) {
      problems.push({ path: `cache.keys.${kind}`, message: (error as Error).message });
      return [kind, parseKeyTemplate(defaultTemplates[kind])] as const;
    }
  });
  const texts = parsed.map(([, template]) => template.text);
  if (problems.length === 0 && new Set(texts).size < texts.length)
    problems.push({ path: "cache.keys", message: "two kinds have the same template: one would answer for the other" });
  if (problems.length > 0) throw usageError(problems, { code: "config-invalid" });
  return Object.fromEntries(parsed) as Record<CacheKind, KeyTemplate>;
}

/** A TTL, shortened by up to `jitter` of it. @param random in [0, 1) */
export function jittered(ttlMs: number, jitter: number, random: number): number {
  return Math.max(1, Math.round(ttlMs * (1 - jitter * random)));
}
