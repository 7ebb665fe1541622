-- The write buffer of one call. A call with many operations collects its writes to hashes and sets and sends one
-- command per key at its end; hash fields can be prefetched. Reads see the call's own writes. Without `begin`, reads
-- and writes go to the server directly.

write_buffer = {}

local MAX_WORDS = 4000 -- of one command; even, as words may be pairs

function write_buffer.begin(fleet)
  fleet.hashes, fleet.sets = {}, {}
end

-- The buffer of a hash: by field the known `values` and those that `changed`, false for a missing one.
local function buffer_of(fleet, key)
  local buffer = fleet.hashes[key] or { values = {}, changed = {} }
  fleet.hashes[key] = buffer
  return buffer
end

-- Prefetches these fields of a hash.
function write_buffer.prefetch(fleet, key, fields)
  local values = buffer_of(fleet, key).values
  for at, value in ipairs(redis.call('HMGET', key, unpack(fields))) do
    values[fields[at]] = value
  end
end

-- The value of a field, false if it is missing.
function write_buffer.get(fleet, key, field)
  local buffer = fleet.hashes and fleet.hashes[key]
  if buffer and buffer.values[field] ~= nil then
    return buffer.values[field]
  end
  return redis.call('HGET', key, field)
end

-- Sets a field, or deletes it if `value` is false.
function write_buffer.set(fleet, key, field, value)
  if fleet.hashes then
    local buffer = buffer_of(fleet, key)
    buffer.values[field] = value
    buffer.changed[field] = value
  elseif value then
    redis.call('HSET', key, field, value)
  else
    redis.call('HDEL', key, field)
  end
end

-- Adds a member to a set if `present`, else removes it.
function write_buffer.set_member(fleet, key, member, present)
  if not fleet.sets then
    redis.call(present and 'SADD' or 'SREM', key, member)
    return
  end
  local members = fleet.sets[key] or {}
  fleet.sets[key], members[member] = members, present
end

-- Writes the changes of a key: by field of a hash its value, by member of a set true; false for one to be removed.
local function write_changes(key, changes, add, remove)
  local added, removed = {}, {}
  for name, value in pairs(changes) do
    local list = value and added or removed
    list[#list + 1] = name
    if add == 'HSET' and value then
      list[#list + 1] = value
    end
  end
  for command, words in pairs({ [add] = added, [remove] = removed }) do
    if words[1] then
      redis.call(command, key, unpack(words))
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
  if not fleet.hashes then
    return
  end
  for key, buffer in pairs(fleet.hashes) do
    write_changes(key, buffer.changed, 'HSET', 'HDEL')
  end
  for key, members in pairs(fleet.sets) do
    write_changes(key, members, 'SADD', 'SREM')
  end
  fleet.hashes, fleet.sets = false, false
end
