import type { CacheKind, CacheLayer } from "../../cache/contract.ts";
import { parseInfo, sumInfo } from "../../cache/redis-info.ts";
import type { RedisLink } from "../../cache/redis-link.ts";
import { ExitCode, RagctlError } from "../../errors.ts";
import type { WarmCache } from "../run/contract.ts";
import { decodeVector, encodeVector } from "./values.ts";

/** An entry is fresh while it has this share of its TTL left. */
const freshShare = 0.5;

export interface CacheParts {
  link: RedisLink;
  layer: CacheLayer;
  resultTtlMs: number;
  /** Of the embedder; undefined: an endpoint embeds, and vectors are none of ours. */
  dim: number | undefined;
}

/** What warming asks of a Redis beside storing. */
export interface RedisWarmCache extends WarmCache {
  /** Memory that is free, all primaries together; undefined without a limit. @throws RagctlError exit 3 */
  freeBytes(): Promise<number | undefined>;
  /** The server that holds the result of a query. */
  primaryOf(query: string): string;
  /** How many keys each server holds of these queries. */
  sharesOf(queries: readonly string[]): { address: string; keys: number }[];
}

/** The shared cache of a cluster, by the keys that applications use. */
export function redisWarmCache({ link, layer, resultTtlMs, dim }: CacheParts): RedisWarmCache {
  const kinds: CacheKind[] = dim === undefined ? ["result"] : ["result", "embedding"];
  const leftMs = (kind: CacheKind, query: string) => link.ask(() => link.client.pttl(layer.keyOf(kind, query))).catch(notHeld);
  const info = () => link.ask(() => Promise.all(link.primaries().map(({ server }) => server.info("all"))));
  return {
    look: (queries) =>
      Promise.all(
        queries.map(async (query) => {
          const [result = notThere, embedding = notThere] = await Promise.all(kinds.map((kind) => leftMs(kind, query)));
          // −1: it never expires.
          const fresh = isHeld(result, resultTtlMs * freshShare) && (dim === undefined || isHeld(embedding, 0));
          if (fresh || dim === undefined || !isHeld(embedding, 0)) return { fresh };
          const held = await layer.get("embedding", query);
          const vector = held?.value && decodeVector(held.value, dim);
          return vector ? { fresh, vector } : { fresh };
        }),
      ),
    async store(query, { result, vector, computeUs }) {
      const stored = await Promise.all([
        layer.set("result", query, result, { computeUs }),
        ...(vector ? [layer.set("embedding", query, encodeVector(vector))] : []),
      ]);
      const lost = stored.find((each) => each.in !== "redis");
      if (lost) throw notStored(lost.reason);
    },
    async evictions() {
      try {
        return sumInfo((await info()).map(parseInfo)).evictions;
      } catch (error) {
        if (error instanceof RagctlError) return undefined;
        throw error;
      }
    },
    async freeBytes() {
      await link.ask(() => link.client.ping());
      const { usedBytes = 0, maxBytes } = sumInfo((await info()).map(parseInfo));
      return maxBytes === undefined ? undefined : Math.max(0, maxBytes - usedBytes);
    },
    primaryOf: (query) => link.addressOf(layer.keyOf("result", query)),
    sharesOf(queries) {
      const primaries = link.primaries();
      // Behind sentinels its address is not the one that the config has.
      if (primaries.length === 1) return [{ address: primaries[0]!.address, keys: queries.length * kinds.length }];
      const keys = new Map(primaries.map(({ address }) => [address, 0]));
      for (const query of queries)
        for (const kind of kinds) {
          const address = link.addressOf(layer.keyOf(kind, query)).replace(/^rediss?:\/\//, "");
          keys.set(address, (keys.get(address) ?? 0) + 1);
        }
      return [...keys].map(([address, count]) => ({ address, keys: count })).toSorted((a, b) => (a.address < b.address ? -1 : 1));
    },
  };
}

/** What PTTL says of a key that is not there. */
const notThere = -2;

function isHeld(leftMs: number, longerThanMs: number): boolean {
  return leftMs === -1 || leftMs > longerThanMs;
}

function notHeld(error: unknown): number {
  if (error instanceof RagctlError) return notThere;
  throw error;
}

function notStored(reason: string | undefined): RagctlError {
  return new RagctlError(reason ?? "the cache did not take it", {
    code: "cache-unreachable",
    exitCode: ExitCode.unreachable,
    hint: "ragctl status shows the cache",
  });
}
