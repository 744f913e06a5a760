-- Let a log that holds nothing go on behind a position: the next entry's id is larger, whatever the clock says.
-- KEYS: 1 events. ARGV: 1 position. Answer: 1, or 0 when the log holds entries.
if redis.call('XLEN', KEYS[1]) > 0 then return 0 end
local added = redis.pcall('XADD', KEYS[1], ARGV[1], 'begins', 'behind')
-- The one refusal there can be on an empty stream: it goes on behind a larger id already.
if type(added) == 'table' and added.err then
  if string.find(added.err, 'equal or smaller', 1, true) then return 1 end
  return added
end
redis.call('XDEL', KEYS[1], ARGV[1])
return 1
