-- Shared by every script: carry out a list of steps, written one after the other in ARGV.
-- A stream id that was added to the first event key is collected, the caller answers with the last one.
--   add     <key index> <n> field value ...             append to a stream
--   delay   <milliseconds> <id> <stream name> <n> ...   keep for later (KEYS[2] due times, KEYS[3] contents)
--   park    <set key index> <runs key index> <run> <id> <stream name> <n> ...  keep until released, or until now
--                                                      when the run has been resumed in between
--   release <set key index>                             what was parked there is due now
--   put     <key index> <field> <value>                 set a field of a hash
--   drop    <key index> <field>                         remove a field of a hash
--   forget  <key index>                                 delete a key

local function now_ms()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

local function slice(first, count)
  local out = {}
  for i = 1, count do out[i] = ARGV[first + i - 1] end
  return out
end

local function keep(id, name, fields, score)
  table.insert(fields, 1, name)
  redis.call('HSET', KEYS[3], id, cmsgpack.pack(fields))
  redis.call('ZADD', KEYS[2], score, id)
end

local function run_steps(i)
  local last_event = false
  while i <= #ARGV do
    local step = ARGV[i]
    if step == 'add' then
      local key, n = KEYS[tonumber(ARGV[i + 1])], tonumber(ARGV[i + 2])
      local id = redis.call('XADD', key, '*', unpack(slice(i + 3, n)))
      if key == KEYS[1] then last_event = id end
      i = i + 3 + n
    elseif step == 'delay' then
      local n = tonumber(ARGV[i + 4])
      keep(ARGV[i + 2], ARGV[i + 3], slice(i + 5, n), now_ms() + tonumber(ARGV[i + 1]))
      i = i + 5 + n
    elseif step == 'park' then
      local n = tonumber(ARGV[i + 6])
      local paused = redis.call('HGET', KEYS[tonumber(ARGV[i + 2])], ARGV[i + 3]) == 'paused'
      keep(ARGV[i + 4], ARGV[i + 5], slice(i + 7, n), paused and '+inf' or now_ms())
      if paused then redis.call('SADD', KEYS[tonumber(ARGV[i + 1])], ARGV[i + 4]) end
      i = i + 7 + n
    elseif step == 'release' then
      local key = KEYS[tonumber(ARGV[i + 1])]
      local now = now_ms()
      for _, id in ipairs(redis.call('SMEMBERS', key)) do
        redis.call('ZADD', KEYS[2], 'XX', now, id)
      end
      redis.call('DEL', key)
      i = i + 2
    elseif step == 'put' then
      redis.call('HSET', KEYS[tonumber(ARGV[i + 1])], ARGV[i + 2], ARGV[i + 3])
      i = i + 4
    elseif step == 'drop' then
      redis.call('HDEL', KEYS[tonumber(ARGV[i + 1])], ARGV[i + 2])
      i = i + 3
    elseif step == 'forget' then
      redis.call('DEL', KEYS[tonumber(ARGV[i + 1])])
      i = i + 2
    else
      error('unknown step ' .. tostring(step))
    end
  end
  return last_event
end
