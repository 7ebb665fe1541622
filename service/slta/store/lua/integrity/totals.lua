-- The totals of a fleet, which follow from its rows and keys: an audit derives them on a copy and compares, a repair
-- on the fleet.

totals = {}

local COUNTED = { 'pools', 'sessions', 'utility', 'older_ended', 'early', 'refused', 'addresses', 'labels' }
local FOLLOWING = { 'active_pools', 'room_for', 'optimum', 'bound_rank', 'bound_filled' }

-- Sets the fields COUNTED from rows and keys; as `ledger.derive`.
local function derive(fleet, columns)
  ledger.derive(fleet, columns)
  fleet.older_ended = redis.call('HLEN', keys.of_ended(fleet, 1 - fleet.ended_generation))
  for _, hash in ipairs({ 'addresses', 'labels' }) do
    fleet[hash] = redis.call('HLEN', keys.of_fleet(fleet, hash))
  end
  for _, set in ipairs(expiring_ids.SETS) do
    fleet[set] = redis.call('ZCARD', keys.of_fleet(fleet, set))
  end
end

local function check_derived(fleet, report, columns)
  local copy = setmetatable({ marginals = {} }, { __index = fleet }) -- not those of the cache
  derive(copy, columns)
  report:expect_fields(fleet, copy, COUNTED)
  derived.set(copy, tables.reader(fleet, 'bound'))
  report:expect_fields(fleet, copy, FOLLOWING)
end

-- Each row has pools of the row before only.
local function check_levels(fleet, report, columns)
  for class_index, counts in ipairs(columns) do
    for level = 1, #counts - 1 do
      if counts[level + 1] > counts[level] then
        report:add(string.format('%s: is not nested in the level before', keys.of_level(fleet, class_index, level)))
      end
    end
  end
end

-- Pools that are not active, and the sessions on them, are known in total only.
local function check_others(fleet, report)
  local total = 0
  for class_index, name in ipairs(fleet.names) do
    local used = rows.count(keys.of_class(fleet, 'used', class_index))
    local active = rows.count(keys.of_class(fleet, 'active', class_index))
    local others = fleet.draining_pools[class_index] + fleet.failed_pools[class_index]
    report:expect_equal('other pools of class ' .. name, others, used - active)
    total = total + used
  end
  report:expect_equal('records of pools', redis.call('HLEN', keys.of_fleet(fleet, 'pools')), total)
  report:expect_equal('names', redis.call('HLEN', keys.of_fleet(fleet, 'names')), total)
  local begun = redis.call('HLEN', keys.of_fleet(fleet, 'sessions'))
  report:expect_equal('sessions on pools', fleet.sessions + vectors.sum(fleet.draining_sessions), begun)
  report:expect_equal('sessions begun and not ended', accounting.live(fleet), begun)
end

-- The numbers of pools with leases of each class, and the first timer.
local function check_leases(fleet, report)
  local total = 0
  for class_index, name in ipairs(fleet.names) do
    local marked, leased = rows.count(keys.of_class(fleet, 'unconfirmed', class_index)), 0
    for _, field in ipairs({ 'pools_alive', 'pools_unconfirmed', 'pools_lost', 'pools_gone' }) do
      local count = fleet[field][class_index]
      leased = leased + count
    end
    report:expect_equal('unconfirmed pools of class ' .. name, fleet.pools_unconfirmed[class_index], marked)
    report:expect_equal('guard of class ' .. name .. ' is off', fleet.guard[class_index] == liveness.OFF, marked == 0)
    local most = pool_records.total(fleet, class_index)
    report:expect_equal('leased pools of class ' .. name, leased, math.min(leased, most))
    total = total + marked
  end
  report:expect_equal('unconfirmed', fleet.unconfirmed, total)
  local due = fleet.pool_due
  timers.find_due(fleet)
  local is_late = due > fleet.pool_due or due == 0
  report:expect_equal('pool_due is no later than the first timer', fleet.pool_due > 0 and is_late, false)
end

-- The integral of U is at most that of U*.
local function check_bound(fleet, slice)
  local utility, optimum = fleet.utility_high + fleet.utility_low, fleet.optimum_high + fleet.optimum_low
  if utility - optimum > math.abs(optimum) * 1e-9 then
    slice:wrong('utility: its integral exceeds that of its bound', function()
      fleet.utility_high, fleet.utility_low = fleet.optimum_high, fleet.optimum_low
    end)
  end
end

-- The high part of each integral is its nearest double, and that of the sessions does not decrease.
local function check_integrals(fleet, report)
  for _, name in ipairs({ 'sessions', 'utility', 'optimum' }) do
    local high, low = fleet[name .. '_high'], fleet[name .. '_low']
    report:expect_equal(name .. ': the high part of its integral', high, high + low)
  end
  check_bound(fleet, report)
  local kept = history.newest(fleet)
  local is_comparable = kept and kept.version == fleet.utilities_version
  if is_comparable and fleet.sessions_high + fleet.sessions_low < kept.sessions then
    report:add('sessions: its integral is below that of the newest history line')
  end
end

-- A part of audits, in one call, since every operation changes the totals. O(levels * pools / 8).
function totals.check(fleet, report)
  cold.load_all(fleet)
  local columns = ledger.columns(fleet, true)
  check_levels(fleet, report, columns)
  check_derived(fleet, report, columns)
  check_others(fleet, report)
  check_integrals(fleet, report)
  check_leases(fleet, report)
  report:at_most(fleet, 'refused', fleet.refused_ids)
  type_totals.check(fleet, report)
  differences.check(fleet, report)
  policies.call(fleet, 'check', report)
end

-- Raises the counts of begun or of ended sessions until they agree with the records; neither is lowered.
local function repair_counters(fleet, job)
  field_values.check_counts(fleet, job)
  if fleet.kinds > 0 then
    type_block.touch_all(fleet)
    type_totals.check_counts(fleet, job)
  end
  local missing = redis.call('HLEN', keys.of_fleet(fleet, 'sessions')) - accounting.live(fleet)
  fleet.assigned, fleet.completed = fleet.assigned + math.max(0, missing), fleet.completed - math.min(0, missing)
end

-- Corrects the integrals: averages across a repair are refused.
local function repair_integrals(fleet, job)
  local kept = history.newest(fleet)
  fleet.utilities_version = math.max(fleet.utilities_version, kept and kept.version or 0) + 1
  for _, name in ipairs({ 'sessions', 'utility', 'optimum' }) do
    fleet[name .. '_high'], fleet[name .. '_low'] = fleet[name .. '_high'] + fleet[name .. '_low'], 0
  end
  check_bound(fleet, job)
  fleet.clock, fleet.lag = job.now, job.now - fleet.time
  fleet.pools_since = fleet.time
end

-- A part of repairs, before the tables: counts the active pools. A repair that begins anew knows the session types by
-- the digest that it stores. O(classes * pools / 8).
function totals.count_pools(fleet)
  for class_index = 1, #fleet.numbers do
    fleet.pools[class_index] = rows.count(keys.of_class(fleet, 'active', class_index))
  end
  cache.invalidate_order(fleet)
  cache.store(fleet)
end

-- The last part of repairs: rebuilds totals, tokens and r. O(levels * pools / 8).
function totals.finish(fleet, job)
  cache.invalidate(fleet)
  derive(fleet)
  repair_counters(fleet, job)
  repair_integrals(fleet, job)
  timers.find_due(fleet)
  policy_tables.clear(fleet)
  differences.restart(fleet)
  cache.store(fleet)
  derived.rename(fleet)
  derived.rebuild(fleet, true)
  fleet.suspect, fleet.repairs, fleet.layout = '', fleet.repairs + 1, constants.LAYOUT
end
