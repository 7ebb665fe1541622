-- Commands of Redis with many words, which `unpack` and the server limit.

commands = {}

local CHUNK = 4000 -- even: pairs stay together

-- Sends a command with these words, none if there are none.
function commands.send(command, key, words)
  for from = 1, #words, CHUNK do
    redis.call(command, key, unpack(words, from, math.min(#words, from + CHUNK - 1)))
  end
end

-- The values of these fields of a hash in order, false if missing. O(fields).
function commands.read_all(key, fields)
  local found = {}
  for from = 1, #fields, CHUNK do
    vectors.append(found, redis.call('HMGET', key, unpack(fields, from, math.min(#fields, from + CHUNK - 1))))
  end
  return found
end
