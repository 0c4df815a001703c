import type { FarStore } from "./layer/far.ts";
import type { RedisLink } from "./redis-link.ts";

const unlockIfMine = `if redis.call("get", KEYS[1]) == ARGV[1] then return redis.call("del", KEYS[1]) end return 0`;

/** A lock per key in the Redis that holds the keys, for who computes a missing value. It lives as long as its TTL at most, whoever dies. */
export function redisLocks({
  client,
  ask,
  addressOf,
  primaries,
}: RedisLink): Pick<FarStore, "addressOf" | "holdsKeys" | "lock" | "unlock"> {
  return {
    addressOf,
    // A single server, or what stands behind a sentinel's name, is always the one.
    holdsKeys: (address) => !("slots" in client) || primaries().some((each) => each.address === address),
    lock: async (key, token, ttlMs) =>
      (await ask(() => client.set(key, token, "PX", Math.max(1, Math.round(ttlMs)), "NX"))) === "OK",
    async unlock(key, token) {
      await ask(() => client.eval(unlockIfMine, 1, key, token));
    },
  };
}
