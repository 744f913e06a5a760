-- Take a dead letter away and carry out the steps, once.
-- KEYS: 1 events, 2 delayed, 3 delayed contents, 4 dead letters, then as the steps say. ARGV: 1 entry id, then steps.
if redis.call('XDEL', KEYS[4], ARGV[1]) ~= 1 then return false end
return run_steps(2)
