import { localName } from "./find.ts";
import type { Surroundings } from "./look.ts";

/** A commented config to begin with, for what was found; it passes `config check` as it is. */
export function starterConfig({ qdrant, redis, local }: Surroundings): string {
  const lines = (...text: (string | false | undefined)[]) =>
    text.filter((line) => line !== false && line !== undefined).join("\n");
  const collection = qdrant?.collections.length === 1 ? qdrant.collections[0] : undefined;
  return lines(
    "# ragctl: the clusters that it speaks to. Check this file with: ragctl config check",
    "# Every key: ragctl config schema. ${VAR} and ${VAR:-default} take values from the environment.",
    "clusters:",
    "  dev:",
    ...(qdrant?.clustered
      ? ["    # native: the store shards and replicates by itself. List every node of it below.", "    topology: native"]
      : [
          "    # routed: independent nodes; ragctl shards, replicates and fails over. native: the store does so itself.",
          "    topology: routed",
        ]),
    "    store:",
    "      driver: qdrant",
    collection === undefined
      ? "      # collection: docs      # what commands use unless told otherwise"
      : `      collection: ${JSON.stringify(collection)}`,
    "      # vector: text          # a named vector",
    `      # apiKey: "\${QDRANT_API_KEY}"${qdrant?.locked ? "   # this server wants one: take the # away" : ""}`,
    "      # tls: { caFile: ca.pem, certFile: client.pem, keyFile: client.key }",
    "    nodes:",
    qdrant
      ? `      # Qdrant ${qdrant.version} answered here.`
      : "      # Nothing answered here when this was written: put your own URL.",
    `      - { id: q1, url: ${JSON.stringify(qdrant?.url ?? "http://127.0.0.1:6333")}, zone: a }`,
    '      # - { id: q2, url: "https://q2.internal:6333", zone: b, weight: 1 }',
    !qdrant?.clustered && "    routing: { replicas: 1, minAcks: 1, consistency: one }",
    ...(redis
      ? [
          `    # Redis answered at ${redis.url}${redis.locked ? ", and wants a password" : ""}.`,
          `    cache: { driver: redis, url: ${JSON.stringify(redis.url)}, resultTtl: 1h, embeddingTtl: 2h }`,
          redis.locked && '    # add to it: password: "${REDIS_PASSWORD}"',
        ]
      : ['    # cache: { driver: redis, url: "redis://127.0.0.1:6379", resultTtl: 1h, embeddingTtl: 2h }']),
    "    # hashing: built in, lexical, deterministic. openai: any /v1/embeddings endpoint.",
    "    embedder: { driver: hashing, dim: 384 }",
    '    # embedder: { driver: openai, url: "http://tei.internal/v1", model: bge-small-en, dim: 384 }',
    "    # What load and smoke judge by.",
    "    objectives: { p99: 100ms, errorRate: 0.1% }",
    "    # Routing tables, locks and leases: a SQLite file under .ragctl/, or a Redis of its own, never the cache's.",
    '    # state: { driver: redis, url: "redis://state.internal:6379" }',
    "    # protected: true         # severe actions ask for the cluster's name",
    "    # maxRate: 500/s          # on a protected cluster, load above this does too",
    ...(local !== undefined && !qdrant
      ? [`# The cluster that ragctl up started (${local}).`, `default: ${localName}`]
      : [...(local === undefined ? [] : [`# ragctl up started another: --cluster ${localName} (${local}).`]), "default: dev"]),
    "",
  );
}
