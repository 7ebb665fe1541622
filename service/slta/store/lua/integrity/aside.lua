-- Records set aside by repairs, and put back by later ones: {fleet}:aside, whose fields are "session <id>",
-- "pool <id>", "key <name>", "<key> <pool id>" of attributes, and "record <pool id>" of mended pools.

aside = {}

local KEYS_OF = { session = 'sessions', pool = 'pools' }

-- Sets an unusable record aside for inspection.
function aside.set(fleet, what, record)
  redis.call('HSET', keys.of_fleet(fleet, 'aside'), what, record)
end

-- Deletes a field or member of a hash or sorted set of the fleet.
function aside.delete(fleet, name, id)
  redis.call(keys.FLEET[name] == 'hash' and 'HDEL' or 'ZREM', keys.of_fleet(fleet, name), id)
end

-- Sets a record of a kind aside, and deletes it.
function aside.remove(fleet, kind, id, record)
  aside.set(fleet, kind .. ' ' .. id, record)
  aside.delete(fleet, KEYS_OF[kind] or kind, id)
end

-- Whether a session has ended or was completed while unknown.
function aside.is_over(fleet, id)
  for generation = 0, 1 do
    if type(redis.pcall('HGET', keys.of_ended(fleet, generation), id)) == 'string' then
      return true
    end
  end
  return type(redis.pcall('ZSCORE', keys.of_fleet(fleet, 'early'), id)) == 'string'
end

-- The key and field to which an entry can be put back; nil if it is unreadable, has an unknown class, has ended, or if
-- its name is in use.
local function place_of(fleet, what, record)
  local kind, id = string.match(what, '^(%a+) (.+)$')
  local session = kind == 'session' and records.parse(record)
  local is_usable = session and keys.locate(fleet, session.pool_number) and not aside.is_over(fleet, id)
  if is_usable or kind == 'pool' and stored_pools.salvage(fleet, id, record).pool_number then
    local key = keys.of_fleet(fleet, KEYS_OF[kind])
    return not redis.pcall('HGET', key, id) and key, id
  end
end

-- A part: some entries that can be put back. O(work).
function aside.walk(fleet, slice, cursor)
  return slices.each_pair(fleet, 'aside', slice, cursor, function(what, record)
    local key, field = place_of(fleet, what, record)
    if key then
      slice:back(fleet, what, record, key, field)
    end
  end)
end
