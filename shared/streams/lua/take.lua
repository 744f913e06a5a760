-- Takes from an allowance that refills steadily (generic cell rate algorithm).
-- KEYS[1] holds the time at which it is full again; absent while it is full.
-- ARGV: how much it holds, seconds until one is back, how many are wanted.
-- Answers "0" and takes them, or answers the seconds to wait, as text, and takes nothing.
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1e6
local most, interval, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now) + wanted * interval
local wait = full_at - now - most * interval
if wait > 1e-6 then return string.format('%.3f', wait) end
redis.call('SET', KEYS[1], string.format('%.6f', full_at), 'PX', math.ceil((full_at - now) * 1000) + 1)
return '0'
