-- The write buffer of one call. A call with many operations collects its writes to hashes and sets and sends one
-- command per key at its end; hash fields can be prefetched. Reads see the call's own writes. Without `begin`, reads
-- and writes go to the server directly.

write_buffer = {}

local MAX_WORDS = 4000 -- of one command; even, as words may be pairs

local BY_KEY = { __index = function(buffers, key) return rawset(buffers, key, {})[key] end }

-- `known` has by name of a hash of the fleet the values of its fields, false for a missing one, `hashes` those that
-- changed; `sets` has by key of a set whether members that changed are in it.
function write_buffer.begin(fleet)
  for _, field in ipairs({ 'known', 'hashes', 'sets' }) do
    fleet[field] = setmetatable({}, BY_KEY)
  end
end

-- Prefetches these fields of a hash.
function write_buffer.prefetch(fleet, name, fields)
  local known = fleet.known[name]
  for at, value in ipairs(fields[1] and redis.call('HMGET', keys.of_fleet(fleet, name), unpack(fields)) or {}) do
    known[fields[at]] = value
  end
end

-- The value of a field, false if it is missing.
function write_buffer.get(fleet, name, field)
  if not fleet.hashes or fleet.known[name][field] == nil then
    return redis.call('HGET', keys.of_fleet(fleet, name), field)
  end
  return fleet.known[name][field]
end

-- Sets a field, or deletes it if `value` is false.
function write_buffer.set(fleet, name, field, value)
  if fleet.hashes then
    fleet.known[name][field], fleet.hashes[name][field] = value, value
  elseif value then
    redis.call('HSET', keys.of_fleet(fleet, name), field, value)
  else
    redis.call('HDEL', keys.of_fleet(fleet, name), field)
  end
end

-- Adds a member to a set if `present`, else removes it.
function write_buffer.set_member(fleet, key, member, present)
  if fleet.hashes then
    fleet.sets[key][member] = present
  else
    redis.call(present and 'SADD' or 'SREM', key, member)
  end
end

-- Writes the changes of a key: by field of a hash its value, by member of a set true; false for one to be removed.
local function write_changes(key, changes, add, remove)
  local words = { [add] = {}, [remove] = {} }
  for name, value in pairs(changes) do
    local list = words[value and add or remove]
    list[#list + 1] = name
    list[#list + 1] = add == 'HSET' and value or nil
  end
  for command, list in pairs(words) do
    if list[1] then
      redis.call(command, key, unpack(list))
    end
  end
end

-- Calls a command with any number of words after its key. O(words).
function write_buffer.send(command, key, words)
  for from = 1, #words, MAX_WORDS do
    redis.call(command, key, unpack(words, from, math.min(#words, from + MAX_WORDS - 1)))
  end
end

-- Sends the buffered writes. O(writes).
function write_buffer.write(fleet)
  for name, fields in pairs(fleet.hashes or {}) do
    write_changes(keys.of_fleet(fleet, name), fields, 'HSET', 'HDEL')
  end
  for key, members in pairs(fleet.hashes and fleet.sets or {}) do
    write_changes(key, members, 'SADD', 'SREM')
  end
  fleet.hashes = false
end
