-- What follows from a fleet's configuration and from which classes have pools, kept between calls: names, numbers, the
-- names of keys, and those parts of the tables and of the list of pools that were asked for. It is only a copy:
-- `tables`, a digest of all that it follows from, stands in the fleet's state. A copy of another digest is not used.

memory = {}

local MOST_LEVELS = 131072 -- of all fleets that are remembered: some 20 MB at worst; beyond, all are forgotten
local MOST_NAMES = 131072 -- of pools, of all fleets: some 10 MB; beyond, all are forgotten

local remembered, levels, names = {}, 0, 0 -- by prefix

local function attach(fleet, known)
  fleet.class_names, fleet.numbers, fleet.capacities = known.class_names, known.numbers, known.capacities
  fleet.lease, fleet.exponent, fleet.position = known.lease, known.exponent, known.position
  fleet.fleet_keys, fleet.class_keys, fleet.level_keys = known.fleet_keys, known.class_keys, known.level_keys
  fleet.numbers_named = known.numbers_named
  fleet.marginals = known.marginals
  fleet.bound_classes, fleet.bound_marginals = known.bound_classes, known.bound_marginals
  fleet.rank_classes, fleet.rank_levels, fleet.ranks = known.rank_classes, known.rank_levels, known.ranks
end

-- A number that differs where the texts do, exact as a double.
local function digest(parts)
  return tonumber(string.sub(redis.sha1hex(table.concat(parts, '|')), 1, 13), 16)
end

local function positions(numbers)
  local position = {}
  for at, number in ipairs(numbers) do
    position[number] = at
  end
  return position
end

local function keep(fleet)
  local known = {}
  attach(known, fleet)
  known.tables = fleet.tables
  levels = levels + vectors.sum(known.capacities)
  if levels > MOST_LEVELS then
    remembered, levels, names = {}, vectors.sum(known.capacities), 0
  end
  remembered[fleet.prefix] = known
end

-- Forgets what depends on which classes have pools.
function memory.forget_enumeration(fleet)
  fleet.bound_classes, fleet.bound_marginals = {}, {}
  fleet.rank_classes, fleet.rank_levels, fleet.ranks = {}, {}, {}
end

-- Forgets everything: names, numbers, capacities, lease and exponent may now change, and are written to the cold hash.
function memory.forget(fleet)
  for _, field in ipairs({ 'class_names', 'numbers', 'capacities', 'lease', 'exponent' }) do
    fleet.cold[field] = fleet.cold[field] or false
  end
  fleet.marginals = {}
  memory.forget_enumeration(fleet)
  memory.number_classes(fleet)
end

-- Position by class number, and room for the names of keys, where `numbers` became others.
function memory.number_classes(fleet)
  local numbers = table.concat(fleet.numbers, ' ')
  if fleet.numbers_named ~= numbers then
    fleet.fleet_keys, fleet.class_keys, fleet.level_keys, fleet.numbers_named = {}, {}, {}, numbers
  end
  fleet.position = positions(fleet.numbers)
end

-- Gives a fleet what is remembered of it, or begins to remember. O(1), O(classes) at the first call after a change.
function memory.recall(fleet)
  local known = remembered[fleet.prefix]
  if not known or known.tables ~= fleet.tables then
    local stored =
      redis.call('HMGET', keys.of_fleet(fleet, 'cold'), 'names', 'numbers', 'capacities', 'lease', 'exponent')
    fleet.class_names, fleet.numbers = vectors.split(stored[1]), vectors.split(stored[2], true)
    fleet.capacities, fleet.lease = vectors.split(stored[3], true), tonumber(stored[4])
    fleet.exponent = tonumber(stored[5] or 0)
    fleet.marginals = {}
    memory.forget_enumeration(fleet)
    memory.number_classes(fleet)
    keep(fleet)
  else
    attach(fleet, known)
  end
end

-- The digest of all that a copy follows from, the last of it being which classes have pools.
function memory.digest(utilities, numbers, lease, pool_counts)
  local support = {}
  for position = 1, #pool_counts do
    support[position] = pool_counts[position] > 0 and 1 or 0
  end
  local parts = { utilities, table.concat(numbers, ' '), lease, table.concat(support) }
  return digest(parts)
end

-- Remembers the fleet as it is now, under a new digest.
function memory.renew(fleet)
  fleet.tables = memory.digest(fleet.utilities, fleet.numbers, fleet.lease, fleet.pool_counts)
  keep(fleet)
end

-- The names of the fleet's pools by number, as far as they were read since its list of pools changed.
function memory.pool_names(fleet)
  local known = remembered[fleet.prefix]
  if not known or fleet.pool_list == 0 then -- 0: nothing has marked the list yet
    return {}
  elseif known.pool_list ~= fleet.pool_list then
    known.pool_list, known.pool_names = fleet.pool_list, {}
  end
  return known.pool_names
end

-- Adds a name to them.
function memory.keep_name(pool_names, number, name)
  pool_names[number] = name
  names = names + 1
  if names > MOST_NAMES then
    remembered, levels, names = {}, 0, 0
  end
end

-- A number may have another name from now on. The new mark of the list follows from the one before and from the
-- server's clock, so that another list of a fleet of this name does not come to the same one.
function memory.forget_names(fleet)
  fleet.pool_list = digest({ vectors.encode(fleet.pool_list), unpack(redis.call('TIME')) })
end

-- The table of the fleet's last call, to be filled again with `values`, the state as it is stored: a new one would grow
-- field by field. Nil when there is none, or when it belongs to another configuration. A call that ends in an error
-- does not give it back, so nothing half done stays in it.
function memory.lend(key, values)
  local known = remembered[string.sub(key, 1, -6)]
  local fleet = known and known.spare
  if not fleet or fleet.tables ~= values[5] or fleet.policy ~= values[2] then
    return nil
  end
  known.spare = nil
  fleet.unknown = next(fleet.unknown) and {} or fleet.unknown
  return fleet
end

-- Keeps the table of a call that changed nothing but the state.
function memory.take_back(fleet)
  local known = remembered[fleet.prefix]
  if known and known.tables == fleet.tables then
    known.spare = fleet
  end
end
