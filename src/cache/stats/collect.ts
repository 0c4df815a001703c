import { RagctlError } from "../../errors.ts";
import type { Clock } from "../../runtime.ts";
import type { CacheServer } from "../nodes.ts";
import { parseInfo } from "../redis-info.ts";
import type { RedisLink } from "../redis-link.ts";
import { sampleKeys, type SampledKey } from "../sample.ts";
import { commandTimes, expiryForecast, nodeStats, silentNode } from "./node.ts";
import type { CacheNodeStats, CacheStatsResult } from "./result.ts";

export interface CollectOptions {
  cluster: string;
  /** Keys that are looked at on each server. */
  sample: number;
  /** Lines of every list. */
  top: number;
  clock: Clock;
  signal: AbortSignal;
}

interface NodeAnswer {
  stats: CacheNodeStats;
  keys: SampledKey[];
  commands: CacheStatsResult["slowestCommands"];
  slowLog: CacheStatsResult["slowLog"];
}

/** Asks every server of the cache at once. One that does not answer is part of the result, not an error. */
export async function collectStats(
  { ask }: Pick<RedisLink, "ask">,
  servers: readonly CacheServer[],
  { cluster, sample, top, clock, signal }: CollectOptions,
): Promise<CacheStatsResult> {
  const answers = await Promise.all(servers.map((each) => askServer(each, ask, { sample, signal })));
  const nodes = answers.map(({ stats }) => stats);
  const keysWith = answers.flatMap(({ keys, stats: { address } }) => keys.map((key) => ({ ...key, address })));
  return {
    cluster,
    at: clock.nowMs(),
    nodes,
    total: totalOf(nodes),
    expiry: expiryForecast(answers.map(({ stats, keys }) => ({ keys: stats.keys, ttlsMs: keys.map(({ ttlMs }) => ttlMs) }))),
    slowestCommands: answers
      .flatMap(({ commands }) => commands)
      .toSorted((a, b) => b.meanUs - a.meanUs)
      .slice(0, top),
    slowLog: answers
      .flatMap(({ slowLog }) => slowLog)
      .toSorted((a, b) => b.durationUs - a.durationUs)
      .slice(0, top),
    bigKeys: keysWith
      .toSorted((a, b) => b.bytes - a.bytes)
      .slice(0, top)
      .map(({ key, type, bytes, address }) => ({ key, type, bytes, address })),
    hotKeys: keysWith
      .filter(({ frequency }) => frequency !== undefined)
      .toSorted((a, b) => b.frequency! - a.frequency!)
      .slice(0, top)
      .map(({ key, type, bytes, address, frequency = 0 }) => ({ key, type, bytes, address, frequency })),
  };
}

async function askServer(
  each: CacheServer,
  ask: RedisLink["ask"],
  { sample, signal }: { sample: number; signal: AbortSignal },
): Promise<NodeAnswer> {
  const { server, address } = each;
  try {
    const info = parseInfo(await ask(() => server.info("everything")));
    const lfu = (info.get("maxmemory_policy") ?? "").includes("lfu");
    const keys = sample > 0 ? await sampleKeys(each, ask, { wanted: sample, lfu, signal }) : [];
    // An ACL may forbid it: the rest is worth having without.
    const slowLog = await ask(() => server.slowlog("GET", 32)).catch(() => []);
    return {
      stats: nodeStats(address, info, keys.length),
      keys,
      commands: commandTimes(address, info),
      slowLog: slowCalls(address, slowLog as SlowEntry[]),
    };
  } catch (error) {
    if (!(error instanceof RagctlError)) throw error;
    return { stats: silentNode(address, error.message), keys: [], commands: [], slowLog: [] };
  }
}

/** Id, seconds since the epoch, µs, arguments, and more. */
type SlowEntry = [number, number, number, string[], ...unknown[]];

/** The command and its key alone: values, and what follows AUTH, are nobody's business. */
function slowCalls(address: string, entries: readonly SlowEntry[]): CacheStatsResult["slowLog"] {
  return entries.map(([, atSec, durationUs, words]) => {
    const [name = "", ...rest] = words;
    const key = /^(auth|hello|config|acl|eval|evalsha)$/i.test(name) ? [] : rest.slice(0, 1);
    return { at: atSec * 1000, durationUs, command: [name.toUpperCase(), ...key].join(" "), address };
  });
}

function totalOf(nodes: readonly CacheNodeStats[]): CacheStatsResult["total"] {
  const sum = (pick: (node: CacheNodeStats) => number) => nodes.reduce((total, node) => total + pick(node), 0);
  const [keys, hits, misses] = [sum((node) => node.keys), sum((node) => node.hits), sum((node) => node.misses)];
  const limited = nodes.length > 0 && nodes.every(({ maxBytes }) => maxBytes !== null);
  return {
    keys,
    hits,
    misses,
    hitRate: hits + misses === 0 ? null : hits / (hits + misses),
    usedBytes: sum((node) => node.usedBytes),
    maxBytes: limited ? sum((node) => node.maxBytes!) : null,
    evicted: sum((node) => node.evicted),
    expired: sum((node) => node.expired),
    imbalance: nodes.length > 1 && keys > 0 ? Math.max(...nodes.map((node) => node.keys)) / (keys / nodes.length) : null,
  };
}
