-- Cache, between calls, of data derived from a fleet's configuration and from which classes have pools: names, class
-- ids, key names, and the parts of the tables and of the list of pools that were read. `tables`, a digest of everything
-- that an entry is derived from, is part of the fleet's state; an entry with another digest is not used.

cache = {}

cache.SETTINGS = { 'lease', 'reserve', 'reserve_for_priority', 'scale_window' }
local DERIVED = {
  'index_by_id', 'fleet_keys', 'class_keys', 'keys_named_for', 'order', 'bound', 'ranks', 'marginals',
  'frontier_bounds', 'types',
}

local MAX_LEVELS = 524288 -- of all cached fleets, at most about 80 MB; beyond, the cache is cleared
local ENTRY = 90 -- levels that take as much memory as the rest of a fleet, some 14 KB
local MAX_NAMES = 131072 -- of pool ids and addresses of all fleets, about 10 MB; beyond, the cache is cleared

local entries, levels, names = {}, 0, 0 -- by prefix

local function attach(fleet, entry)
  for _, field in ipairs(cold.CACHED) do
    fleet[field] = entry[field]
  end
  for _, field in ipairs(DERIVED) do
    fleet[field] = entry[field]
  end
end

-- A digest as a number that a double represents exactly.
local function digest(parts)
  return tonumber(string.sub(redis.sha1hex(table.concat(parts, '|')), 1, 13), 16)
end

-- Forgets a fleet.
function cache.drop(fleet)
  local entry = entries[fleet.prefix]
  levels = levels - (entry and entry.size or 0)
  entries[fleet.prefix] = nil
end

local function store_entry(fleet)
  cache.drop(fleet)
  local entry = { tables = fleet.tables, size = vectors.sum(fleet.capacities) + ENTRY }
  attach(entry, fleet)
  levels = levels + entry.size
  if levels > MAX_LEVELS then
    entries, levels, names = {}, entry.size, 0
  end
  entries[fleet.prefix] = entry
end

-- Invalidates what depends on which classes have pools.
function cache.invalidate_order(fleet)
  fleet.order, fleet.bound, fleet.ranks = { classes = {}, numbers = {} }, { classes = {}, numbers = {} }, {}
  fleet.frontier_bounds = {}
end

-- Invalidates everything. The cached fields may change afterwards, and are written to the cold hash.
function cache.invalidate(fleet)
  for _, field in ipairs(cold.CACHED) do
    fleet.cold[field] = fleet.cold[field] or false
  end
  fleet.marginals = {}
  cache.invalidate_order(fleet)
  cache.index_classes(fleet)
end

-- Indexes the classes by class_id, and drops the cached key names if `numbers` changed.
function cache.index_classes(fleet)
  local class_ids = table.concat(fleet.numbers, ' ')
  if fleet.keys_named_for ~= class_ids then
    fleet.fleet_keys, fleet.class_keys, fleet.keys_named_for = {}, {}, class_ids
  end
  fleet.index_by_id = {}
  for class_index, class_id in ipairs(fleet.numbers) do
    fleet.index_by_id[class_id] = class_index
    fleet.class_keys[class_index] = fleet.class_keys[class_index] or {} -- by name, and by level
  end
end

-- Forgets what is known of the frontiers: pools changed, or others changed the fleet. O(classes).
function cache.forget_frontiers(fleet)
  for class_index = 1, #fleet.pools do
    fleet.frontier_bounds[class_index] = 1
  end
end

-- Loads the cached data of a fleet, or creates an entry from the cold hash. O(1), O(classes) for the first call after a
-- change.
function cache.load(fleet)
  local entry = entries[fleet.prefix]
  if not entry or entry.tables ~= fleet.tables then
    local stored = redis.call('HMGET', keys.of_fleet(fleet, 'cold'), unpack(cold.CACHED))
    fleet.names, fleet.numbers = vectors.split(stored[1]), vectors.split(stored[2], true)
    fleet.capacities, fleet.marginals = vectors.split(stored[3], true), {}
    for at = 4, #cold.CACHED do
      fleet[cold.CACHED[at]] = tonumber(stored[at])
    end
    cache.invalidate_order(fleet)
    cache.index_classes(fleet)
    fleet.types = session_types.load(fleet)
    cache.forget_frontiers(fleet)
    store_entry(fleet)
  else
    attach(fleet, entry)
  end
end

-- Which classes have active pools, as text.
function cache.support(pool_counts)
  local support = {}
  for class_index = 1, #pool_counts do
    support[class_index] = pool_counts[class_index] > 0 and 1 or 0
  end
  return table.concat(support)
end

-- The digest of everything that an entry is derived from: `utilities` and SETTINGS of `settings`, the fleet or a
-- configuration, the class ids, which classes have pools, and the types, which may be false.
function cache.digest(settings, class_ids, pool_counts, types)
  local parts = { settings.utilities, table.concat(class_ids, ' '), cache.support(pool_counts) }
  for _, field in ipairs(cache.SETTINGS) do
    parts[#parts + 1] = settings[field]
  end
  parts[#parts + 1] = types and types.text or nil
  return digest(parts)
end

-- Stores the fleet under a new digest.
function cache.store(fleet)
  cold.load(fleet, 'utilities')
  fleet.tables = cache.digest(fleet, fleet.numbers, fleet.pools, fleet.types)
  store_entry(fleet)
end

-- The values that were read since a list of pools changed, whose version is the field `list`: pool ids by pool number
-- (`pool_list`), or addresses by pool id (`attribute_list`).
function cache.list(fleet, list)
  local entry, version = entries[fleet.prefix], fleet[list]
  if not entry or version == 0 then -- 0: the list has no version yet
    return {}
  elseif not entry[list] or entry[list].version ~= version then
    entry[list] = { version = version, values = {} }
  end
  return entry[list].values
end

-- Adds a value to them.
function cache.add(values, key, value)
  values[key] = value
  names = names + 1
  if names > MAX_NAMES then
    entries, levels, names = {}, 0, 0
  end
end

-- The version of a list after a change. It is derived from the previous one and the server's clock, so that another
-- fleet of the same name does not reach the same one.
function cache.next_version(version)
  return digest({ vectors.encode(version), unpack(redis.call('TIME')) })
end

-- The table of the fleet's last call if this text is what it wrote: all fields are as stored. Else nil.
function cache.unchanged(key, text)
  local entry = entries[string.sub(key, 1, -6)]
  local fleet = entry and entry.spare
  if not fleet or fleet.written ~= text or fleet.layout ~= constants.LAYOUT then
    return nil
  end
  entry.spare, fleet.written = nil, false
  return fleet
end

-- The table of the fleet's last call for reuse; a new one would have to grow field by field. `values` is the unpacked
-- state, whose digest and policy must match. Nil if there is none. A call that fails does not give its table back, so
-- partial changes are discarded.
function cache.borrow(key, values)
  local entry = entries[string.sub(key, 1, -6)]
  local fleet = entry and entry.spare
  if not fleet or fleet.tables ~= values[5] or fleet.policy ~= values[2] then
    return nil
  end
  entry.spare, fleet.written = nil, false
  fleet.unknown = next(fleet.unknown) and {} or fleet.unknown
  return fleet
end

-- Gives the table back after a call that changed the state only.
function cache.give_back(fleet)
  local entry = entries[fleet.prefix]
  if entry and entry.tables == fleet.tables then
    entry.spare = fleet
  end
end
