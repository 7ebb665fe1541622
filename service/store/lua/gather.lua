-- Hashes and sets as one call sees them. A call of many operations gathers what they write and sends it as one command
-- a key when it ends; what it will read, it reads at once. Who reads sees what was written before in the same call.
-- A call that did not `begin` reads and writes as it goes.

gather = {}

function gather.begin(fleet)
  fleet.hashes, fleet.sets = {}, {}
end

-- A hash as it is known by now: `values` by field, false for one that is not there, and which `changed`.
local function known_hash(fleet, key)
  local known = fleet.hashes[key]
  if not known then
    known = { values = {}, changed = {} }
    fleet.hashes[key] = known
  end
  return known
end

-- Reads these fields of a hash at once, for those who ask for them one by one afterwards.
function gather.expect(fleet, key, fields)
  local values = known_hash(fleet, key).values
  for at, value in ipairs(redis.call('HMGET', key, unpack(fields))) do
    values[fields[at]] = value
  end
end

-- A field's text, false when it is not there.
function gather.get(fleet, key, field)
  local known = fleet.hashes and fleet.hashes[key]
  local value = known and known.values[field]
  if value == nil then
    return redis.call('HGET', key, field)
  end
  return value
end

-- A field gets a text, or is deleted by false.
function gather.set(fleet, key, field, value)
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

-- A set gets a member when `present`, else loses it.
function gather.member(fleet, key, member, present)
  if not fleet.sets then
    redis.call(present and 'SADD' or 'SREM', key, member)
    return
  end
  local members = fleet.sets[key]
  if not members then
    members = {}
    fleet.sets[key] = members
  end
  members[member] = present
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

-- Writes what was gathered. O(writes).
function gather.write(fleet)
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
