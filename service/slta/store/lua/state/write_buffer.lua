-- The write buffer of one call. A call with many operations collects its writes to hashes and sets and sends one
-- command per key at its end; hash fields can be prefetched. Reads see the call's own writes. Without `begin`, reads
-- and writes go to the server directly.

write_buffer = {}

function write_buffer.begin(fleet)
  fleet.hashes, fleet.sets = {}, {}
end

-- The buffer of a hash: `values` by field, false for a missing one, and which fields are `changed`.
local function known_hash(fleet, key)
  local known = fleet.hashes[key] or { values = {}, changed = {} }
  fleet.hashes[key] = known
  return known
end

-- Prefetches these fields of a hash.
function write_buffer.prefetch(fleet, key, fields)
  local values = known_hash(fleet, key).values
  for at, value in ipairs(redis.call('HMGET', key, unpack(fields))) do
    values[fields[at]] = value
  end
end

-- The value of a field, false if it is missing.
function write_buffer.get(fleet, key, field)
  local known = fleet.hashes and fleet.hashes[key]
  local value = known and known.values[field]
  if value == nil then
    return redis.call('HGET', key, field)
  end
  return value
end

-- Sets a field, or deletes it if `value` is false.
function write_buffer.set(fleet, key, field, value)
  if fleet.hashes then
    local known = known_hash(fleet, key)
    known.values[field] = value
    known.changed[field] = true
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

local function send(command, key, words)
  if words[1] then
    redis.call(command, key, unpack(words))
  end
end

local function write_hash(key, known)
  local set, deleted = {}, {}
  for field in pairs(known.changed) do
    local value = known.values[field]
    if value then
      set[#set + 1] = field
      set[#set + 1] = value
    else
      deleted[#deleted + 1] = field
    end
  end
  send('HSET', key, set)
  send('HDEL', key, deleted)
end

local function write_set(key, members)
  local added, removed = {}, {}
  for member, present in pairs(members) do
    local list = present and added or removed
    list[#list + 1] = member
  end
  send('SADD', key, added)
  send('SREM', key, removed)
end

-- Sends the buffered writes. O(writes).
function write_buffer.write(fleet)
  if not fleet.hashes then
    return
  end
  for key, known in pairs(fleet.hashes) do
    write_hash(key, known)
  end
  for key, members in pairs(fleet.sets) do
    write_set(key, members)
  end
  fleet.hashes, fleet.sets = nil, nil
end
