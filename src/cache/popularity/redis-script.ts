import { largestExponent } from "./decay.ts";

/**
 * Adds counts to what Redis holds, atomically: Space-Saving with forward decay, in a sorted set of counts, one of possible errors, a hash of texts, and a hash with the landmark
 * and the references in all. All of it ends when nothing has been added for thirty half-lives.
 *
 * KEYS counts errors texts meta; ARGV now, half-life (ms), how many are kept, references, then for each: digest, count, error, text
 */
export const addCounts = `
local counts, errors, texts, meta = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local now, halfLife, keep = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local landmark = tonumber(redis.call('HGET', meta, 'landmark') or now)
local lasting = tonumber(redis.call('HGET', meta, 'halfLife') or halfLife)
local exponent = (now - landmark) / lasting
if exponent > ${largestExponent} or lasting ~= halfLife then
  local factor = 2 ^ -exponent
  if redis.call('EXISTS', counts) == 1 then redis.call('ZUNIONSTORE', counts, 1, counts, 'WEIGHTS', string.format('%.17g', factor)) end
  if redis.call('EXISTS', errors) == 1 then redis.call('ZUNIONSTORE', errors, 1, errors, 'WEIGHTS', string.format('%.17g', factor)) end
  local references = tonumber(redis.call('HGET', meta, 'references') or 0)
  redis.call('HSET', meta, 'references', string.format('%.17g', references * factor))
  landmark = now
  exponent = 0
end
local weight = 2 ^ exponent
local all = tonumber(redis.call('HGET', meta, 'references') or 0) + ARGV[4] * weight
redis.call('HSET', meta, 'landmark', string.format('%.17g', landmark), 'halfLife', string.format('%.17g', halfLife),
  'references', string.format('%.17g', all))
local held = redis.call('ZCARD', counts)
for at = 5, #ARGV, 4 do
  local digest, count, err = ARGV[at], ARGV[at + 1] * weight, ARGV[at + 2] * weight
  if not redis.call('ZSCORE', counts, digest) then
    if held >= keep then
      local least = redis.call('ZPOPMIN', counts)
      redis.call('ZREM', errors, least[1])
      redis.call('HDEL', texts, least[1])
      count, err = count + least[2], err + least[2]
    else
      held = held + 1
    end
    redis.call('HSET', texts, digest, ARGV[at + 3])
  end
  redis.call('ZINCRBY', counts, string.format('%.17g', count), digest)
  if err > 0 then redis.call('ZINCRBY', errors, string.format('%.17g', err), digest) end
end
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, math.ceil(30 * halfLife)) end
return held`;
