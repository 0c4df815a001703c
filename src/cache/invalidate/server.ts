import type { RedisLink } from "../redis-link.ts";
import type { CacheServer } from "../nodes.ts";

const page = 500;

/**
 * A server's keys of one glob, page by page: SCAN, which stops nobody. Keys that come while it goes on may or may not be among them; some may come twice.
 * @param onScanned is told how many keys were looked at
 */
export async function* matchingKeys(
  { server }: CacheServer,
  ask: RedisLink["ask"],
  pattern: string,
  signal: AbortSignal,
): AsyncGenerator<string[]> {
  let cursor = "0";
  do {
    signal.throwIfAborted();
    const [next, keys] = await ask(() => server.scan(cursor, "MATCH", pattern, "COUNT", page));
    cursor = next;
    if (keys.length > 0) yield keys;
  } while (cursor !== "0");
}

/**
 * Removes keys; the memory is given back by a thread of the server's own. A key whose slot has moved meanwhile is asked for where it is now.
 * @returns how many there were; `failed`: could not be asked for
 */
export async function unlinkKeys(
  { server }: CacheServer,
  { ask, client }: Pick<RedisLink, "ask" | "client">,
  keys: readonly string[],
): Promise<{ unlinked: number; failed: number; problem?: string }> {
  const pipeline = server.pipeline();
  for (const key of keys) pipeline.unlink(key);
  const answers = (await ask(() => pipeline.exec())) ?? [];
  let [unlinked, failed] = [0, 0];
  let problem: string | undefined;
  for (const [at, [error, count]] of answers.entries()) {
    if (!error) {
      unlinked += Number(count);
      continue;
    }
    try {
      unlinked += await ask(() => client.unlink(keys[at]!));
    } catch (again) {
      failed++;
      problem = (again as Error).message;
    }
  }
  return { unlinked, failed, ...(problem !== undefined && { problem }) };
}
