import type { Redis } from "ioredis";
import { ExitCode, RagctlError } from "../../errors.ts";
import type { Clock } from "../../runtime.ts";
import type { CacheServer } from "../nodes.ts";
import type { RedisLink } from "../redis-link.ts";
import type { HotKey } from "./result.ts";

interface HotkeysOptions {
  top: number;
  windowMs: number;
  clock: Clock;
  signal: AbortSignal;
}

/** Redis 8.6 and later. */
export async function knowsHotkeys({ server }: CacheServer, ask: RedisLink["ask"]): Promise<boolean> {
  const [said] = await ask(() => server.command("INFO", "HOTKEYS"));
  return Array.isArray(said);
}

/**
 * What takes most of the servers' time over a window, as Redis counts it by itself (a Space-Saving-like sketch of its own).
 * @throws RagctlError exit 7 where somebody else is tracking; exit 3
 */
export async function hotkeysOf(
  servers: readonly CacheServer[],
  ask: RedisLink["ask"],
  { top, windowMs, clock, signal }: HotkeysOptions,
): Promise<HotKey[]> {
  const started: CacheServer[] = [];
  try {
    for (const each of servers) {
      await start(each, ask, top, windowMs);
      started.push(each);
    }
    await clock.sleep(windowMs, signal);
    const lists = await Promise.all(
      servers.map(async ({ server, address }) => parseHotkeys(await ask(() => call(server, "GET")), address)),
    );
    return lists
      .flat()
      .toSorted((a, b) => b.score - a.score)
      .slice(0, top);
  } finally {
    await Promise.allSettled(started.map(({ server }) => ask(() => call(server, "STOP"))));
    await Promise.allSettled(started.map(({ server }) => ask(() => call(server, "RESET"))));
  }
}

async function start({ server, address }: CacheServer, ask: RedisLink["ask"], top: number, windowMs: number): Promise<void> {
  // It ends by itself, should this process die.
  const seconds = String(Math.ceil(windowMs / 1000) + 5);
  try {
    await ask(() => call(server, "START", "METRICS", "1", "CPU", "COUNT", String(top), "DURATION", seconds));
  } catch (error) {
    if (!/already|in progress/i.test((error as Error).message)) throw error;
    throw new RagctlError(`somebody is tracking hot keys on ${address} already`, {
      code: "hotkeys-busy",
      exitCode: ExitCode.refused,
      hint: "wait until they are done, or end it with HOTKEYS STOP",
      cause: error,
    });
  }
}

function call(server: Redis, ...words: string[]): Promise<unknown> {
  return server.call("HOTKEYS", ...words);
}

/** Names and values by turns, within one array more from some servers; `by-cpu-time-us` is keys and µs by turns. */
export function parseHotkeys(reply: unknown, address: string): HotKey[] {
  const outer = Array.isArray(reply) && reply.length === 1 && Array.isArray(reply[0]) ? reply[0] : reply;
  const fields = pairs(outer);
  const allUs = Number(fields.get("all-commands-all-slots-us") ?? 0);
  return [...pairs(fields.get("by-cpu-time-us"))].map(([key, us]) => ({
    key,
    query: null,
    address,
    score: Number(us),
    unit: "cpuUs",
    share: allUs > 0 ? Number(us) / allUs : null,
    error: null,
  }));
}

function pairs(list: unknown): Map<string, unknown> {
  if (!Array.isArray(list)) return new Map();
  return new Map(list.flatMap((name, at) => (at % 2 === 0 ? [[String(name), list[at + 1] as unknown] as const] : [])));
}
