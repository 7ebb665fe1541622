-- Reads and writes of a call: the fields of hashes that its operations read, with one HMGET a hash; the fields and
-- members that they change, with one command for each key and kind at its end. An operation sees the fields that those
-- before it changed.

records = {}

local known, fields, members = {}, {}, {} -- by key: values by field, false for none; fields, members that changed

-- Begins a call.
function records.begin()
  known, fields, members = {}, {}, {}
end

-- Reads these fields of a hash.
function records.prefetch(key, names)
  local values = known[key] or {}
  known[key] = values
  if names[1] then
    local found = commands.read_all(key, names)
    for at = 1, #names do
      values[names[at]] = found[at]
    end
  end
end

-- The value of a field, false without one.
function records.get(key, field)
  local values = known[key]
  local value = values and values[field]
  if value == nil or not values then
    return redis.call('HGET', key, field)
  end
  return value
end

-- Sets a field, or deletes it if `value` is false.
function records.set(key, field, value)
  local values, changed = known[key], fields[key]
  if not changed then
    values, changed = values or {}, {}
    known[key], fields[key] = values, changed
  end
  values[field], changed[field] = value, true
end

-- Adds a member to a set if `present`, else removes it.
function records.set_member(key, member, present)
  local changed = members[key]
  if not changed then
    changed = {}
    members[key] = changed
  end
  changed[member] = present
end

local function write_hash(key, changed)
  local values, set, gone, count = known[key], {}, {}, 0
  for field in pairs(changed) do
    local value = values[field]
    if value then
      set[count + 1], set[count + 2] = field, value
      count = count + 2
    else
      gone[#gone + 1] = field
    end
  end
  commands.send('HSET', key, set)
  commands.send('HDEL', key, gone)
end

local function write_set(key, changed)
  local added, removed = {}, {}
  for member, present in pairs(changed) do
    local words = present and added or removed
    words[#words + 1] = member
  end
  commands.send('SADD', key, added)
  commands.send('SREM', key, removed)
end

-- Writes what changed.
function records.write()
  for key, changed in pairs(fields) do
    write_hash(key, changed)
  end
  for key, changed in pairs(members) do
    write_set(key, changed)
  end
  fields, members = {}, {}
end
