-- Move commands that are due from the delayed set to their streams.
-- KEYS: 1 events (unused), 2 delayed, 3 delayed contents, 4.. command streams. ARGV: 1 limit. Answer: how many moved.
local known = {}
for i = 4, #KEYS do known[KEYS[i]] = true end
local due = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now_ms(), 'LIMIT', 0, tonumber(ARGV[1]))
local moved = 0
for _, id in ipairs(due) do
  local packed = redis.call('HGET', KEYS[3], id)
  if packed then
    local fields = cmsgpack.unpack(packed)
    local stream = table.remove(fields, 1)
    -- A stream this release does not know stays where it is, for the release that does.
    if known[stream] then
      redis.call('XADD', stream, '*', unpack(fields))
      redis.call('ZREM', KEYS[2], id)
      redis.call('HDEL', KEYS[3], id)
      moved = moved + 1
    else
      redis.call('ZADD', KEYS[2], now_ms() + 60000, id)
    end
  else
    redis.call('ZREM', KEYS[2], id)
  end
end
return moved
