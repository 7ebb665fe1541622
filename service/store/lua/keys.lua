-- The names of a fleet's keys, and the numbers of its pools. Classes are positions 1..m in the configuration's order;
-- keys use a class's permanent number, and a pool's number is its class's and its bit.

keys = {}

-- Every key that a fleet can have, and its type: those of the fleet, those of a class, and those with a number of
-- another kind at their end. A policy's rows are strings, which it declares itself. Any other key is a stray.
keys.FLEET = {
  state = 'string', cold = 'hash', document = 'string',
  order = 'string', ['order:full'] = 'string', bound = 'string', ['bound:full'] = 'string',
  pools = 'hash', names = 'hash', sessions = 'hash', ['ended:0'] = 'hash', ['ended:1'] = 'hash',
  early = 'zset', events = 'list', repair = 'hash', aside = 'hash',
}
keys.CLASS = { used = 'string', active = 'string', ranks = 'string', marginals = 'string' }
keys.NUMBERED = { level = 'string', ids = 'set', leases = 'set', past = 'list' }

-- A key of the whole fleet: {fleet}:name.
function keys.of_fleet(fleet, name)
  local key = fleet.fleet_keys[name]
  if not key then
    key = fleet.prefix .. name
    fleet.fleet_keys[name] = key
  end
  return key
end

-- A key of class `position`: {fleet}:name:number.
function keys.of_class(fleet, name, position)
  local known = fleet.class_keys[name]
  if not known then
    known = {}
    fleet.class_keys[name] = known
  end
  if not known[position] then
    known[position] = fleet.prefix .. name .. ':' .. fleet.numbers[position]
  end
  return known[position]
end

-- The row of active pools that hold at least `level` sessions; at level 0 all active ones.
function keys.of_level(fleet, position, level)
  if level == 0 then
    return keys.of_class(fleet, 'active', position)
  end
  local known = fleet.level_keys[position]
  if not known then
    known = {}
    fleet.level_keys[position] = known
  end
  if not known[level] then
    known[level] = string.format('%slevel:%d:%d', fleet.prefix, fleet.numbers[position], level)
  end
  return known[level]
end

-- The set of session ids of the pool with this number.
function keys.of_ids(fleet, number)
  return string.format('%sids:%d', fleet.prefix, number)
end

-- The set of session ids whose lease ends in this second of fleet time.
function keys.of_leases(fleet, second)
  return string.format('%sleases:%d', fleet.prefix, second)
end

-- The hash of ended ids of a generation, 0 or 1.
function keys.of_ended(fleet, generation)
  return keys.of_fleet(fleet, generation == 0 and 'ended:0' or 'ended:1')
end

-- The list of earlier integrals of a window in seconds.
function keys.of_past(fleet, window)
  return fleet.prefix .. 'past:' .. window
end

function keys.pool_number(fleet, position, bit)
  return fleet.numbers[position] * constants.MAX_POOLS + bit
end

-- Class position and bit of a pool's number.
function keys.locate(fleet, number)
  return fleet.position[math.floor(number / constants.MAX_POOLS)], number % constants.MAX_POOLS
end
