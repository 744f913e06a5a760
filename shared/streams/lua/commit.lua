-- End a command: acknowledge it, and only if that took effect append what came of it.
-- KEYS: 1 events, 2 delayed, 3 delayed contents, 4 the command's stream, then as the steps say.
-- ARGV: 1 group, 2 entry id, then steps. Answer: 1, or 0 when the entry was no longer pending.
if redis.call('XACK', KEYS[4], ARGV[1], ARGV[2]) ~= 1 then return 0 end
redis.call('XDEL', KEYS[4], ARGV[2])
run_steps(3)
return 1
