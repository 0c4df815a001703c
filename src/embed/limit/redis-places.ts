import type { Redis } from "ioredis";
import type { RateWindow } from "./contract.ts";

/**
 * One sorted set a limit: a member for each place that is taken, its score the moment when it is free, on Redis' clock. What
 * dies while it holds a place loses it when its lease ends.
 * KEYS: the set. ARGV: places, lease in ms, name of the request. Answer: 0, or the milliseconds until a place may be free.
 */
const takeScript = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then
  local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
  return math.max(1, math.ceil(tonumber(first[2]) - now))
end
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), ARGV[3])
redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[2]) + 60000)
return 0
`;
/** KEYS: the set. ARGV: window in ms, name of the request. One millisecond more than the window, for clocks of whole ones. */
const giveBackScript = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
return redis.call('ZADD', KEYS[1], 'XX', now + tonumber(ARGV[1]) + 1, ARGV[2])
`;

/** The places of a rate that several processes share. Rejects where Redis does not answer. */
export interface SharedPlaces {
  /** 0 where it has a place now, else how long to wait, ms. */
  take(name: string): Promise<number>;
  giveBack(name: string): Promise<void>;
}

export function redisPlaces(redis: Pick<Redis, "eval">, key: string, window: RateWindow, leaseMs: number): SharedPlaces {
  return {
    take: async (name) => Number(await redis.eval(takeScript, 1, key, window.places, leaseMs, name)),
    giveBack: async (name) => {
      await redis.eval(giveBackScript, 1, key, window.windowMs, name);
    },
  };
}
