/** Redis' clock, in milliseconds. */
const now = `local t = redis.call("TIME") local now = t[1] * 1000 + math.floor(t[2] / 1000) `;

/** KEYS 1 epochs (also of dropped tables), 2 tables. Answers a flat list of collection and epoch. */
const liveEpochs = `
local live = {}
for _, name in ipairs(redis.call("HKEYS", KEYS[2])) do
  live[#live + 1] = name
  live[#live + 1] = redis.call("HGET", KEYS[1], name)
end
return live`;

/** Every change of the state in Redis, each one atomic. */
export const scripts = {
  epochs: liveEpochs,

  create: `
if redis.call("HEXISTS", KEYS[2], ARGV[1]) == 1 then return false end
local epoch = redis.call("HINCRBY", KEYS[1], ARGV[1], 1)
local json = ARGV[2] .. epoch .. ARGV[3]
redis.call("HSET", KEYS[2], ARGV[1], json)
return json`,

  replace: `
if redis.call("HEXISTS", KEYS[2], ARGV[1]) == 0 then return 0 end
if tonumber(redis.call("HGET", KEYS[1], ARGV[1])) ~= tonumber(ARGV[2]) - 1 then return 0 end
redis.call("HSET", KEYS[1], ARGV[1], ARGV[2])
redis.call("HSET", KEYS[2], ARGV[1], ARGV[3])
return 1`,

  drop: `
if redis.call("HEXISTS", KEYS[2], ARGV[1]) == 0 then return 0 end
if tonumber(redis.call("HGET", KEYS[1], ARGV[1])) ~= tonumber(ARGV[2]) then return 0 end
redis.call("HINCRBY", KEYS[1], ARGV[1], 1)
redis.call("HDEL", KEYS[2], ARGV[1])
return 1`,

  // KEYS 1 aliases. An alias is JSON that says its own version.
  replaceAlias: `
local held = redis.call("HGET", KEYS[1], ARGV[1])
local version = held and cjson.decode(held).version or 0
if version ~= tonumber(ARGV[2]) - 1 then return 0 end
redis.call("HSET", KEYS[1], ARGV[1], ARGV[3])
return 1`,

  // KEYS 3 leases, 4 a sorted set of their ends, 5 aliases. Answers the live epochs, and the aliases as they lie.
  renewLease: `${now}
redis.call("HSET", KEYS[3], ARGV[1], ARGV[2])
redis.call("ZADD", KEYS[4], now + ARGV[3], ARGV[1])
for _, old in ipairs(redis.call("ZRANGEBYSCORE", KEYS[4], "-inf", now - ARGV[4])) do
  redis.call("HDEL", KEYS[3], old)
  redis.call("ZREM", KEYS[4], old)
end
local live = {}
for _, name in ipairs(redis.call("HKEYS", KEYS[2])) do
  live[#live + 1] = name
  live[#live + 1] = redis.call("HGET", KEYS[1], name)
end
return { live, redis.call("HVALS", KEYS[5]) }`,

  releaseLease: `redis.call("HDEL", KEYS[1], ARGV[1]) return redis.call("ZREM", KEYS[2], ARGV[1])`,

  leases: `
local all = {}
for _, client in ipairs(redis.call("HKEYS", KEYS[1])) do
  all[#all + 1] = redis.call("HGET", KEYS[1], client)
  all[#all + 1] = redis.call("ZSCORE", KEYS[2], client)
end
return all`,

  // KEYS 1 locks, 2 the last token of each name. A lock is JSON; the owner comes as JSON and goes back as it came.
  acquireLock: `${now}
local held = redis.call("HGET", KEYS[1], ARGV[1])
if held then
  local lock = cjson.decode(held)
  if lock.expiresMs > now and lock.token ~= tonumber(ARGV[4]) then return { 0, held, tostring(now) } end
end
local token = redis.call("HINCRBY", KEYS[2], ARGV[1], 1)
local json = string.format('{"name":%s,"token":%d,"owner":%s,"acquiredAtMs":%d,"expiresMs":%d}',
  cjson.encode(ARGV[1]), token, ARGV[2], now, now + ARGV[3])
redis.call("HSET", KEYS[1], ARGV[1], json)
return { 1, tostring(token), tostring(now) }`,

  renewLock: `${now}
local held = redis.call("HGET", KEYS[1], ARGV[1])
if not held or cjson.decode(held).token ~= tonumber(ARGV[2]) then return 0 end
local ends = string.format('"expiresMs":%d}', now + ARGV[3])
redis.call("HSET", KEYS[1], ARGV[1], (held:gsub('"expiresMs":%d+}$', ends)))
return 1`,

  releaseLock: `
local held = redis.call("HGET", KEYS[1], ARGV[1])
if not held or cjson.decode(held).token ~= tonumber(ARGV[2]) then return 0 end
return redis.call("HDEL", KEYS[1], ARGV[1])`,

  // ARGV in pairs: which of KEYS, and the entry.
  appendTouched: `
for i = 1, #ARGV, 2 do redis.call("RPUSH", KEYS[tonumber(ARGV[i])], ARGV[i + 1]) end
return 1`,
} as const;
