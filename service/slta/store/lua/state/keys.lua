-- The names of a fleet's keys, and pool numbers.
--
-- A class has a class_index, its position 1..m in the configuration and in the fleet's vectors, and a class_id, which
-- is permanent (`fleet.numbers`) and used in keys. A pool has a pool_index, its bit in the rows of its class, and a
-- pool_number, class_id * MAX_POOLS + pool_index.

keys = {}

-- Every key that a fleet can have, and its type: keys of the fleet, keys of a class, and keys with another number as
-- suffix. A policy declares its own rows, which are strings. Any other key is a stray.
keys.FLEET = constants.FLEET_KEYS
keys.CLASS = {
  used = 'string', active = 'string', ranks = 'string', marginals = 'string', unconfirmed = 'string', lost = 'zset',
  sampled = 'string',
}
keys.NUMBERED = { level = 'string', ids = 'set', leases = 'set', past = 'list' }

-- A key of the fleet: {fleet}:name.
function keys.of_fleet(fleet, name)
  local key = fleet.fleet_keys[name]
  if not key then
    key = fleet.prefix .. name
    fleet.fleet_keys[name] = key
  end
  return key
end

-- A key of a class: {fleet}:name:class_id.
function keys.of_class(fleet, name, class_index)
  local cached = fleet.class_keys[class_index]
  if not cached[name] then
    cached[name] = fleet.prefix .. name .. ':' .. fleet.numbers[class_index]
  end
  return cached[name]
end

-- The row of active pools with at least `level` sessions; at level 0 all active pools.
function keys.of_level(fleet, class_index, level)
  if level == 0 then
    return keys.of_class(fleet, 'active', class_index)
  end
  local cached = fleet.class_keys[class_index]
  if not cached[level] then
    cached[level] = string.format('%slevel:%d:%d', fleet.prefix, fleet.numbers[class_index], level)
  end
  return cached[level]
end

-- The set of session ids of the pool with this number.
function keys.of_ids(fleet, pool_number)
  return string.format('%sids:%d', fleet.prefix, pool_number)
end

-- The set of session ids whose lease expires in this second of fleet time.
function keys.of_leases(fleet, second)
  if fleet.leases_second ~= second then
    fleet.leases_second, fleet.leases_key = second, string.format('%sleases:%d', fleet.prefix, second)
  end
  return fleet.leases_key
end

-- The name of the hash of ended ids of a generation, 0 or 1.
function keys.ended(generation)
  return generation == 0 and 'ended:0' or 'ended:1'
end

-- The key of that hash.
function keys.of_ended(fleet, generation)
  return keys.of_fleet(fleet, keys.ended(generation))
end

-- The history of the integrals for a window in seconds.
function keys.of_past(fleet, window)
  return fleet.prefix .. 'past:' .. window
end

function keys.pool_number(fleet, class_index, pool_index)
  return fleet.numbers[class_index] * constants.MAX_POOLS + pool_index
end

-- The class_index and pool_index of a pool number. The class_index is nil if no class has the id.
function keys.locate(fleet, pool_number)
  local pool_index = pool_number % constants.MAX_POOLS
  return fleet.index_by_id[(pool_number - pool_index) / constants.MAX_POOLS], pool_index
end
