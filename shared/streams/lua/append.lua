-- Append a unit once: refused when it was appended before, or when what it rested on has changed.
-- KEYS: 1 events, 2 delayed, 3 delayed contents, 4 mark of this unit's id, 5 versions, then as the steps say.
-- ARGV: 1 days in seconds the mark is kept, 2 n expectations, then n pairs subject/version, then steps.
-- Answer: {"ok"|"again", position} or {"conflict", subject}.
local seen = redis.call('GET', KEYS[4])
if seen then return {'again', seen} end
local n = tonumber(ARGV[2])
for i = 0, n - 1 do
  local subject, expected = ARGV[3 + 2 * i], ARGV[4 + 2 * i]
  local found = redis.call('HGET', KEYS[5], subject)
  -- A version the server does not know (its data was lost) is taken on trust from the read model.
  if found and found ~= expected then return {'conflict', subject} end
end
for i = 0, n - 1 do
  redis.call('HSET', KEYS[5], ARGV[3 + 2 * i], tostring(tonumber(ARGV[4 + 2 * i]) + 1))
end
local position = run_steps(3 + 2 * n)
if not position then
  local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
  position = last[1] and last[1][1] or '0-0'
end
redis.call('SET', KEYS[4], position, 'EX', ARGV[1])
return {'ok', position}
