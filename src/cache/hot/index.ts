import type { ClusterConfig } from "../../config/schema.ts";
import { usageError } from "../../errors.ts";
import type { Clock } from "../../runtime.ts";
import { openServers, type CacheServer } from "../nodes.ts";
import { popularityOn } from "../open-layer.ts";
import type { PopularityReader } from "../popularity/contract.ts";
import { popularityKeys } from "../popularity/redis.ts";
import { parseInfo } from "../redis-info.ts";
import type { RedisLink } from "../redis-link.ts";
import { sampleKeys } from "../sample.ts";
import { hotkeysOf, knowsHotkeys } from "./hotkeys.ts";
import type { CacheHotResult, HotKey } from "./result.ts";

export interface HotOptions {
  /** `auto`: the first that there is. */
  source: "auto" | CacheHotResult["source"];
  top: number;
  /** Of HOTKEYS. */
  windowMs: number;
  /** Keys that are looked at on each server, for LFU counters. */
  sample: number;
  clock: Clock;
  signal: AbortSignal;
}

type Found = Pick<CacheHotResult, "source" | "because" | "windowMs" | "keys" | "sampledKeys">;

/** Those of the popularity itself, which may be among the hottest and are left out. */
const keysOfOurs = 4;

/**
 * The keys that are asked for most: by Redis's own HOTKEYS where it has it, by its LFU counters where its policy keeps them, else by the questions that applications recorded.
 * @throws RagctlError exit 2 where the source that is wanted is not there; exit 3, 7
 */
export async function hotKeys(cluster: Pick<ClusterConfig, "cache" | "name">, options: HotOptions): Promise<CacheHotResult> {
  const { clock, top, source } = options;
  const { link, servers } = await openServers(cluster, clock);
  try {
    const popularity = popularityOn(link, cluster.cache!, clock);
    const ways = {
      hotkeys: () => byHotkeys(servers, link, options),
      lfu: () => byCounters(servers, link, options),
      popularity: () => byPopularity(popularity, top),
    };
    const found =
      source === "auto" ? ((await ways.hotkeys()) ?? (await ways.lfu()) ?? (await ways.popularity())) : await ways[source]();
    if (!found) throw unavailable(source);
    const ours = Object.values(popularityKeys(cluster.cache!.namespace));
    const keys = found.keys.filter(({ key }) => key === null || !ours.includes(key)).slice(0, top);
    return { cluster: cluster.name, ...found, keys: await withTexts(keys, popularity) };
  } finally {
    link.close();
  }
}

function unavailable(source: HotOptions["source"]): Error {
  const message =
    source === "hotkeys"
      ? "this Redis has no HOTKEYS: it comes with 8.6"
      : "this Redis keeps no LFU counters: its maxmemory-policy is not one of allkeys-lfu and volatile-lfu";
  return usageError([{ path: "--source", message }], { hint: "leave --source out, and the best there is is taken" });
}

async function byHotkeys(servers: readonly CacheServer[], { ask }: RedisLink, options: HotOptions): Promise<Found | undefined> {
  const known = await Promise.all(servers.map((each) => knowsHotkeys(each, ask)));
  if (!known.every(Boolean)) return undefined;
  const keys = await hotkeysOf(servers, ask, { ...options, top: options.top + keysOfOurs });
  const because = "by Redis's HOTKEYS: what the server's time went to while it was looked at";
  return { source: "hotkeys", because, windowMs: options.windowMs, keys, sampledKeys: null };
}

async function byCounters(
  servers: readonly CacheServer[],
  { ask }: RedisLink,
  { sample, top, signal }: HotOptions,
): Promise<Found | undefined> {
  const infos = await Promise.all(servers.map(async ({ server }) => parseInfo(await ask(() => server.info("memory")))));
  if (!infos.every((info) => (info.get("maxmemory_policy") ?? "").includes("lfu"))) return undefined;
  const lists = await Promise.all(
    servers.map(async (each) => {
      const keys = await sampleKeys(each, ask, { wanted: sample, lfu: true, signal });
      return keys.map(({ key, frequency = 0 }): HotKey => {
        return { key, query: null, address: each.address, score: frequency, unit: "lfuCounter", share: null, error: null };
      });
    }),
  );
  const all = lists.flat();
  return {
    source: "lfu",
    because: "by Redis's LFU counters (OBJECT FREQ), which grow with the logarithm of the uses and decay by the minute",
    windowMs: null,
    keys: all.toSorted((a, b) => b.score - a.score).slice(0, top + keysOfOurs),
    sampledKeys: all.length,
  };
}

async function byPopularity(reader: PopularityReader, top: number): Promise<Found> {
  const { queries, references } = await reader.top(top);
  return {
    source: "popularity",
    because: "by the questions that applications recorded (Space-Saving, the past counting for less)",
    windowMs: null,
    keys: queries.map(({ query, count, error }) => {
      const share = references > 0 ? count / references : null;
      return { key: null, query, address: null, score: count, unit: "references", share, error };
    }),
    sampledKeys: null,
  };
}

/** Turns digests in keys back into what was asked, where that was recorded. */
async function withTexts(keys: readonly HotKey[], reader: PopularityReader): Promise<HotKey[]> {
  const digestOf = (key: string | null) => /[0-9a-f]{64}/.exec(key ?? "")?.[0];
  const digests = [...new Set(keys.flatMap(({ key }) => digestOf(key) ?? []))];
  const texts = await reader.textsOf(digests);
  return keys.map((each) => ({ ...each, query: each.query ?? texts.get(digestOf(each.key) ?? "") ?? null }));
}
