-- Creating, changing, repairing and deleting a fleet.

configure = {}

configure.COUNTERS = {
  'assigned', 'adopted', 'completed', 'expired', 'failed', 'reported_ended',
  'rejected_no_capacity', 'rejected_no_active_pool', 'steps_up', 'steps_down', 'repairs',
}
configure.PER_CLASS = {
  'pools', 'draining_pools', 'failed_pools', 'draining_sessions', 'pools_high', 'pools_low',
  'assigned_green', 'assigned_yellow', 'assigned_none', 'assigned_open',
}
configure.ZERO = {
  'config_version', 'utilities_version', 'time', 'hold_until', 'pools_since', 'ended_generation', 'ended_since',
  'next_due', 'sessions', 'utility', 'optimum', 'bound_rank', 'bound_filled',
  'active_pools', 'room_for', 'last_rank', 'rank', 'yellow', 'previous_class', 'min_green',
}

local function create(key, now)
  local fleet = state.blank(key, true)
  fleet.integrals = state.zeros(2 * #accounting.INTEGRALS)
  for _, list in ipairs({ configure.COUNTERS, configure.ZERO }) do
    for _, field in ipairs(list) do
      fleet[field] = 0
    end
  end
  for _, field in ipairs(configure.PER_CLASS) do
    fleet[field] = {}
  end
  fleet.names, fleet.numbers, fleet.capacities = {}, {}, {}
  fleet.policy, fleet.utilities, fleet.suspect = '', '', ''
  fleet.estimate_class, fleet.estimate_level = 1, 1
  fleet.clock = now
  fleet.store_epoch = math.floor(now / 1e6)
  state.index(fleet)
  return fleet
end

-- Permanent number of every class by name, and the next numbers that are free.
local function number_classes(fleet, names)
  local known, taken, numbers = {}, {}, {}
  for position, name in ipairs(fleet.names) do
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
  return fleet.pools[position] + fleet.draining_pools[position] + fleet.failed_pools[position] > 0
end

local function largest_occupancy(fleet, position)
  local largest = 0
  rows.each(state.class_key(fleet, 'used', position), 0, function(bit)
    largest = math.max(largest, ledger.occupancy(fleet, state.pool_number(fleet, position, bit)))
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

-- Why classes of the capacities `wanted` cannot replace the present ones; nil when they can. O(pools) where a
-- capacity shrinks.
local function refusal(fleet, wanted)
  for position, name in ipairs(fleet.names) do
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

local function drop_class_rows(fleet, position)
  for _, name in ipairs({ 'used', 'active', 'green', 'open', 'ranks', 'marginals' }) do
    redis.call('DEL', state.class_key(fleet, name, position))
  end
  for level = 1, fleet.capacities[position] do
    redis.call('DEL', state.level_key(fleet, position, level))
  end
end

-- Vectors follow their classes to new positions; classes that are gone leave no rows.
local function arrange_classes(fleet, names, numbers)
  local old = fleet.position
  local estimate = fleet.numbers[fleet.estimate_class]
  local kept = {}
  for _, number in ipairs(numbers) do
    kept[number] = true
  end
  for position, number in ipairs(fleet.numbers) do
    if not kept[number] then
      drop_class_rows(fleet, position)
    end
  end
  for _, field in ipairs(configure.PER_CLASS) do
    local vector = {}
    for position, number in ipairs(numbers) do
      vector[position] = old[number] and fleet[field][old[number]] or 0
    end
    fleet[field] = vector
  end
  fleet.names, fleet.numbers = names, numbers
  state.index(fleet)
  fleet.estimate_class = fleet.position[estimate] or 1
end

-- U from the level rows. O(levels in use * pools / 8).
local function utility_of_ledger(fleet)
  local total = 0
  for position = 1, #fleet.numbers do
    for level = 1, fleet.capacities[position] do
      local count = rows.count(state.level_key(fleet, position, level))
      if count == 0 then
        break
      end
      total = total + count * accounting.marginal(fleet, position, level)
    end
  end
  return total
end

-- Drops the rows of levels that `wanted`, a capacity by class name, no longer has.
local function clear_rows_above(fleet, wanted)
  for position, name in ipairs(fleet.names) do
    for level = (wanted[name] or 0) + 1, fleet.capacities[position] do
      redis.call('DEL', state.level_key(fleet, position, level))
    end
  end
end

-- given: expected version ('' for any), document, policy, utilities (a digest of all that totals depend on), names,
-- capacities, lease, retention (µs), beta coefficient, beta power, order, bound, then the marginals of each class.
--   -> {CONFIGURED, version, created} | {VERSION_MISMATCH, version} | {CLASS_IN_USE, name}
--    | {CAPACITY_BELOW_OCCUPANCY, name}. O(levels + classes * pools / 8).
function configure.put(fleet, key, now, given)
  local created = not fleet
  local version = fleet and fleet.config_version or 0
  if given.expected ~= '' and tonumber(given.expected) ~= version then
    return { 'VERSION_MISMATCH', version }
  end
  fleet = fleet or create(key, now)
  local wanted = by_name(given.names, given.capacities)
  local refused = refusal(fleet, wanted)
  if refused then
    return refused
  end
  -- writes
  accounting.settle_pools(fleet)
  local afresh = given.utilities ~= fleet.utilities or given.policy ~= fleet.policy
  if not created and given.policy ~= fleet.policy then
    ledger.policy(fleet).clear(fleet)
  end
  if given.utilities ~= fleet.utilities then
    fleet.utilities_version = fleet.utilities_version + 1
  end
  clear_rows_above(fleet, wanted)
  arrange_classes(fleet, given.names, number_classes(fleet, given.names))
  local fields = { 'policy', 'utilities', 'capacities', 'lease', 'retention', 'beta_coefficient', 'beta_power' }
  for _, field in ipairs(fields) do
    fleet[field] = given[field]
  end
  redis.call('SET', fleet.prefix .. 'document', given.document)
  redis.call('SET', fleet.prefix .. 'order:full', given.order)
  redis.call('SET', fleet.prefix .. 'bound:full', given.bound)
  for position = 1, #fleet.numbers do
    redis.call('SET', state.class_key(fleet, 'marginals', position), given.marginals[position])
  end
  fleet.cache = {}
  fleet.utility = utility_of_ledger(fleet)
  fleet.config_version = version + 1
  ledger.pools_changed(fleet, afresh)
  state.close(fleet)
  return { 'CONFIGURED', fleet.config_version, created and 1 or 0 }
end

local function drop_keys(pattern)
  local cursor = '0'
  repeat
    local found = redis.call('SCAN', cursor, 'MATCH', pattern, 'COUNT', 1000)
    cursor = found[1]
    for _, key in ipairs(found[2]) do
      redis.call('UNLINK', key)
    end
  until cursor == '0'
end

-- Sets of ids and leases from the records, the one truth.
local function repair_sets(fleet)
  drop_keys(fleet.prefix .. 'ids:*')
  drop_keys(fleet.prefix .. 'leases:*')
  for _, id in ipairs(redis.call('HKEYS', fleet.prefix .. 'sessions')) do
    local session = sessions.read(fleet, id)
    redis.call('SADD', ledger.ids_key(fleet, session.number), id)
    if session.due > 0 then
      redis.call('SADD', sessions.leases_key(fleet, session.due), id)
      fleet.next_due = math.min(fleet.next_due, session.due)
    end
  end
end

-- Rebuilds everything that follows from the session records: sets of ids, leases, rows, totals, tokens.
-- O(keys + sessions + levels * pools / 8); runs only after an error inside an operation.
function configure.repair(fleet)
  accounting.settle_pools(fleet)
  repair_sets(fleet)
  fleet.utility, fleet.sessions = 0, 0
  fleet.draining_sessions = state.zeros(#fleet.numbers)
  for position = 1, #fleet.numbers do
    for level = 1, fleet.capacities[position] do
      redis.call('DEL', state.level_key(fleet, position, level))
    end
    rows.each(state.class_key(fleet, 'used', position), 0, function(bit)
      local occupancy = ledger.occupancy(fleet, state.pool_number(fleet, position, bit))
      if redis.call('GETBIT', state.class_key(fleet, 'active', position), bit) == 1 then
        ledger.write_column(fleet, position, bit, occupancy, 1)
      else
        fleet.draining_sessions[position] = fleet.draining_sessions[position] + occupancy
      end
    end)
  end
  fleet.suspect = ''
  fleet.repairs = fleet.repairs + 1
  ledger.pools_changed(fleet, true)
  return { 'REPAIRED' }
end

-- {DELETED} | {IN_USE}. O(levels + classes).
function configure.delete(fleet)
  if redis.call('HLEN', fleet.prefix .. 'sessions') > 0 then
    return { 'IN_USE' }
  end
  -- writes
  for position = 1, #fleet.numbers do
    drop_class_rows(fleet, position)
  end
  for _, name in ipairs({
    'document', 'order', 'order:full', 'bound', 'bound:full', 'yellow', 'pools', 'names', 'sessions',
    'ended:0', 'ended:1', 'past:60', 'past:300', 'past:3600', 'state',
  }) do
    redis.call('UNLINK', fleet.prefix .. name)
  end
  return { 'DELETED' }
end
