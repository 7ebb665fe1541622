-- Creating, changing and deleting a fleet.

fleets = {}

-- Fields of a configuration that a fleet takes as they are.
fleets.SETTINGS = { 'utilities', 'capacities', 'lease', 'retention', 'beta_coefficient', 'beta_power', 'exponent' }

local DROPPED = 1000 -- keys of levels that one command drops

local deleted = {} -- epochs of fleets that were deleted within this second, by key

-- A fleet that is made anew within the second of the one before gets the next epoch, so that it is known for another.
-- O(fleets that were deleted within the second).
local function remember_epoch(fleet)
  local second = math.floor(fleet.clock / 1e6)
  for key, epoch in pairs(deleted) do
    deleted[key] = epoch >= second and epoch or nil
  end
  deleted[fleet.state_key] = fleet.store_epoch
end

local function create(key, now)
  local fleet = state.new(key)
  fleet.clock = now
  fleet.store_epoch = math.max(math.floor(now / 1e6), (deleted[key] or 0) + 1)
  incarnations.create(fleet)
  return fleet
end

-- Permanent number of every class by name, and the next numbers that are free.
local function number_classes(fleet, names)
  local known, taken, numbers = {}, {}, {}
  for position, name in ipairs(fleet.class_names) do
    known[name] = fleet.numbers[position]
    taken[fleet.numbers[position]] = true
  end
  local free = 0
  for position, name in ipairs(names) do
    if not known[name] then
      while taken[free] do
        free = free + 1
      end
      known[name], taken[free] = free, true
    end
    numbers[position] = known[name]
  end
  return numbers
end

local function has_pools(fleet, position)
  return fleet.pool_counts[position] + fleet.draining_pools[position] + fleet.failed_pools[position] > 0
end

local function largest_occupancy(fleet, position)
  local largest = 0
  rows.each(keys.of_class(fleet, 'used', position), 0, function(bit)
    largest = math.max(largest, ledger.occupancy(fleet, keys.pool_number(fleet, position, bit)))
  end)
  return largest
end

local function by_name(names, values)
  local named = {}
  for position, name in ipairs(names) do
    named[name] = values[position]
  end
  return named
end

-- Why classes of the capacities `wanted` cannot replace the present ones; nil when they can. O(pools) where a capacity
-- shrinks.
local function refusal(fleet, wanted)
  for position, name in ipairs(fleet.class_names) do
    if has_pools(fleet, position) then
      if not wanted[name] then
        return { 'CLASS_IN_USE', name }
      elseif wanted[name] < fleet.capacities[position] and largest_occupancy(fleet, position) > wanted[name] then
        return { 'CAPACITY_BELOW_OCCUPANCY', name }
      end
    end
  end
  return nil
end

local function drop_levels(fleet, position, first)
  for from = first, fleet.capacities[position], DROPPED do
    local some = {}
    for level = from, math.min(from + DROPPED - 1, fleet.capacities[position]) do
      some[#some + 1] = keys.of_level(fleet, position, level)
    end
    redis.call('UNLINK', unpack(some))
  end
end

-- All keys of a class, those of its policy's rows included.
local function drop_class(fleet, position)
  for name in pairs(keys.CLASS) do
    redis.call('DEL', keys.of_class(fleet, name, position))
  end
  for _, name in ipairs(fleet.rules.CLASS_ROWS) do
    redis.call('DEL', keys.of_class(fleet, name, position))
  end
  drop_levels(fleet, position, 1)
end

-- Vectors with a number per class, which follow the classes when the configuration reorders them: the fleet's, its
-- policy's, and the counts of placements of all policies it had.
local function per_class_vectors(fleet)
  local fields = { 'pool_counts', 'draining_pools', 'failed_pools', 'draining_sessions', 'pools_high', 'pools_low' }
  for _, field in ipairs(fleet.rules.VECTORS) do
    fields[#fields + 1] = field
  end
  policies.each_token(function(token)
    if fleet['assigned_' .. token] then
      fields[#fields + 1] = 'assigned_' .. token
    end
  end)
  return fields
end

-- Vectors follow their classes to new positions; classes that are gone leave no rows.
local function arrange_classes(fleet, names, numbers)
  local old, kept = fleet.position, {}
  for _, number in ipairs(numbers) do
    kept[number] = true
  end
  for position, number in ipairs(fleet.numbers) do
    if not kept[number] then
      drop_class(fleet, position)
    end
  end
  for _, field in ipairs(per_class_vectors(fleet)) do
    local vector = {}
    for position, number in ipairs(numbers) do
      vector[position] = old[number] and fleet[field][old[number]] or 0
    end
    fleet[field] = vector
  end
  fleet.class_names, fleet.numbers, fleet.classes = names, numbers, #numbers
  memory.number_classes(fleet)
end

-- Drops the rows of levels that `wanted`, a capacity by class name, no longer has.
local function clear_rows_above(fleet, wanted)
  for position, name in ipairs(fleet.class_names) do
    drop_levels(fleet, position, (wanted[name] or 0) + 1)
  end
end

-- The document, and what is compiled from it. O(levels).
function fleets.write_tables(fleet, given)
  redis.call('SET', keys.of_fleet(fleet, 'document'), given.document)
  redis.call('SET', keys.of_fleet(fleet, 'order:full'), given.order)
  redis.call('SET', keys.of_fleet(fleet, 'bound:full'), given.bound)
  for position = 1, #fleet.numbers do
    redis.call('SET', keys.of_class(fleet, 'marginals', position), given.marginals[position])
  end
  fleet.marginals = {}
end

-- The part of a digest of tables that totals depend on; what may follow is another order than the paper's.
local function totals(utilities)
  return string.match(utilities, '^[^:]*')
end

-- How a fleet changes to what is given, which keeps of r what it can.
local function kind_of_change(fleet, given)
  if given.policy ~= fleet.policy or totals(given.utilities) ~= totals(fleet.utilities) then
    return ledger.change_afresh
  end
  return given.utilities == fleet.utilities and ledger.change_settings or ledger.change_order
end

-- The fleet becomes what is given.
local function apply(fleet, given, wanted)
  if given.policy ~= fleet.policy then
    if fleet.rules then
      policies.clear(fleet)
    end
    state.change_policy(fleet, given.policy)
  end
  local tables_differ = given.utilities ~= fleet.utilities
  local totals_differ = totals(given.utilities) ~= totals(fleet.utilities)
  if totals_differ then
    fleet.utilities_version = fleet.utilities_version + 1
  end
  clear_rows_above(fleet, wanted)
  arrange_classes(fleet, given.names, number_classes(fleet, given.names))
  for _, field in ipairs(fleets.SETTINGS) do
    fleet[field] = given[field]
  end
  if tables_differ then
    fleets.write_tables(fleet, given)
    fleet.utility = ledger.utility(fleet)
  else
    redis.call('SET', keys.of_fleet(fleet, 'document'), given.document)
  end
end

-- given: expected version ('' for any), document, policy, utilities (digests of all that totals depend on, and of
-- another order than the paper's), names, capacities, lease, retention (µs), beta coefficient, beta power, exponent,
-- order, bound, then the marginals of each class.
--   -> {CONFIGURED, version, created} | {VERSION_MISMATCH, version} | {CLASS_IN_USE, name}
--    | {CAPACITY_BELOW_OCCUPANCY, name}; then the fleet, if there is one. O(levels + classes * pools / 8).
function fleets.put(fleet, key, now, given)
  local created = not fleet
  local version = fleet and fleet.config_version or 0
  if given.expected ~= '' and tonumber(given.expected) ~= version then
    return { 'VERSION_MISMATCH', version }, fleet
  end
  fleet = fleet or create(key, now)
  local wanted = by_name(given.names, given.capacities)
  local refused = refusal(fleet, wanted)
  if refused then
    return refused, fleet
  end
  -- writes
  kind_of_change(fleet, given)(fleet, function()
    memory.forget(fleet)
    apply(fleet, given, wanted)
  end)
  fleet.config_version = version + 1
  state.write(fleet)
  return { 'CONFIGURED', fleet.config_version, created and 1 or 0 }, fleet
end

-- expected version, '' for any -> {DELETED} | {IN_USE} | {VERSION_MISMATCH, version}. O(levels + classes).
function fleets.delete(fleet, expected)
  if expected ~= '' and tonumber(expected) ~= fleet.config_version then
    return { 'VERSION_MISMATCH', fleet.config_version }
  elseif redis.call('HLEN', keys.of_fleet(fleet, 'sessions')) > 0 then
    return { 'IN_USE' }
  end
  -- writes
  remember_epoch(fleet)
  incarnations.forget(fleet)
  policies.clear(fleet)
  for position = 1, #fleet.numbers do
    drop_class(fleet, position)
  end
  for _, window in ipairs(constants.WINDOWS) do
    redis.call('UNLINK', keys.of_past(fleet, window))
  end
  for name in pairs(keys.FLEET) do
    redis.call('UNLINK', keys.of_fleet(fleet, name))
  end
  return { 'DELETED' }
end
