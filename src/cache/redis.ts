import type { Redis } from "ioredis";
import { RagctlError } from "../errors.ts";
import type { Clock } from "../runtime.ts";
import type { CacheStore } from "./contract.ts";
import { parseInfo, sumInfo } from "./redis-info.ts";
import { redisLink, type RedisLink } from "./redis-link.ts";
import type { RedisTarget } from "./redis-target.ts";

/** A Redis: single, behind Sentinel, or a Cluster. Connects with the first command; a dead one is a sentence, never a hang. */
export async function redisCache(target: RedisTarget, deps: { clock: Clock }): Promise<CacheStore> {
  return redisStore(await redisLink(target, deps), deps);
}

/** What a link's Redis holds. */
export function redisStore({ client, endpoints, ask, primaries, close }: RedisLink, { clock }: { clock: Clock }): CacheStore {
  const asText = (section: string) => (node: Redis) => node.info(section);
  return {
    get: async (key) => (await ask(() => client.getBuffer(key))) ?? undefined,
    async set(key, value, ttlMs) {
      await ask(() => client.set(key, value, "PX", Math.max(1, Math.round(ttlMs))));
    },
    delete: async (key) => (await ask(() => client.del(key))) > 0,
    async ping() {
      const startUs = clock.monotonicUs();
      await ask(() => client.ping());
      return { latencyUs: clock.monotonicUs() - startUs };
    },
    async describe() {
      try {
        await ask(() => client.ping());
        const servers = primaries().map(({ server }) => server);
        const texts = await ask(() => Promise.all(servers.map(asText("all"))));
        return { driver: "redis", ok: true, endpoints, ...sumInfo(texts.map(parseInfo)) };
      } catch (error) {
        if (!(error instanceof RagctlError)) throw error;
        return { driver: "redis", ok: false, endpoints, problem: error.message };
      }
    },
    close: async () => close(),
  };
}
