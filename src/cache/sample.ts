import type { RedisLink } from "./redis-link.ts";
import type { CacheServer } from "./nodes.ts";

/** One key as it was met. */
export interface SampledKey {
  key: string;
  type: string;
  bytes: number;
  /** Until it ends; null: never. */
  ttlMs: number | null;
  /** Redis's logarithmic counter, 0 to 255; undefined unless its policy is LFU. */
  frequency?: number;
}

const page = 250;

/**
 * Some of a server's keys by SCAN, in the order of its hash table, which is as good as chance.
 * @param wanted at most so many
 */
export async function sampleKeys(
  { server }: CacheServer,
  ask: RedisLink["ask"],
  { wanted, lfu, signal }: { wanted: number; lfu: boolean; signal: AbortSignal },
): Promise<SampledKey[]> {
  const found: SampledKey[] = [];
  const seen = new Set<string>();
  let cursor = "0";
  do {
    signal.throwIfAborted();
    const [next, keys] = await ask(() => server.scan(cursor, "COUNT", page));
    cursor = next;
    // A table that is being resized shows some keys twice.
    const fresh = keys.filter((key) => !seen.has(key)).slice(0, wanted - found.length);
    for (const key of fresh) seen.add(key);
    found.push(...(await describeKeys(server, ask, fresh, lfu)));
  } while (cursor !== "0" && found.length < wanted);
  return found;
}

async function describeKeys(
  server: CacheServer["server"],
  ask: RedisLink["ask"],
  keys: readonly string[],
  lfu: boolean,
): Promise<SampledKey[]> {
  if (keys.length === 0) return [];
  const pipeline = server.pipeline();
  for (const key of keys) {
    // First of all: every other one of these commands counts as a use.
    if (lfu) pipeline.object("FREQ", key);
    pipeline.type(key);
    pipeline.memory("USAGE", key);
    pipeline.pttl(key);
  }
  const answers = (await ask(() => pipeline.exec())) ?? [];
  const each = lfu ? 4 : 3;
  return keys.flatMap((key, at): SampledKey[] => {
    const of = answers.slice(at * each, (at + 1) * each).map(([, value]) => value);
    const frequency = lfu ? (of.shift() as number | null) : undefined;
    const [type, bytes, ttlMs] = of as [string, number | null, number];
    // It ended, or moved to another server, in between.
    if (type === "none" || type === undefined || ttlMs === -2 || bytes === null) return [];
    return [{ key, type, bytes, ttlMs: ttlMs < 0 ? null : ttlMs, ...(typeof frequency === "number" && { frequency }) }];
  });
}
