-- The audit of a fleet's totals against all rows, in one call, since every operation changes them.

audit_totals = {}

-- Sessions and utility as computed from the level rows and the stored marginal utilities; returns these sessions.
-- O(levels).
local function check_levels(fleet, report)
  local columns = ledger.columns(fleet, true)
  for class_index, counts in ipairs(columns) do
    for level = 1, #counts - 1 do
      if counts[level + 1] > counts[level] then
        report:add(string.format('%s: is not nested in the level before', keys.of_level(fleet, class_index, level)))
      end
    end
  end
  fleet.marginals = {} -- of the cache
  local utility, total = ledger.totals(fleet, columns)
  report:expect_equal('sessions', fleet.sessions, total)
  report:expect_equal('utility', fleet.utility, utility)
  return total
end

-- U* of these sessions as computed from the stored order of marginal utilities. O(r*).
local function check_optimum(fleet, report, total)
  local text = redis.call('GET', keys.of_fleet(fleet, 'bound')) or ''
  local optimum, rank, filled = accounting.fill_optimum(fleet, total, function(nth)
    return tables.parse('bound', text, nth)
  end)
  report:expect_equal('optimum', fleet.optimum, optimum)
  report:expect_equal('bound_rank', fleet.bound_rank, rank)
  report:expect_equal('bound_filled', fleet.bound_filled, filled)
end

local function check_pools(fleet, report)
  cold.load(fleet, 'draining_pools', 'failed_pools')
  local total, room = 0, 0
  for class_index = 1, #fleet.numbers do
    local used = rows.count(keys.of_class(fleet, 'used', class_index))
    local active = rows.count(keys.of_class(fleet, 'active', class_index))
    local name = fleet.names[class_index]
    report:expect_equal('active pools of class ' .. name, fleet.pools[class_index], active)
    local others = fleet.draining_pools[class_index] + fleet.failed_pools[class_index]
    report:expect_equal('other pools of class ' .. name, others, used - active)
    total, room = total + used, room + active * fleet.capacities[class_index]
  end
  report:expect_equal('active_pools', fleet.active_pools, vectors.sum(fleet.pools))
  report:expect_equal('room_for', fleet.room_for, room)
  report:expect_equal('pools', redis.call('HLEN', keys.of_fleet(fleet, 'pools')), total)
  report:expect_equal('names', redis.call('HLEN', keys.of_fleet(fleet, 'names')), total)
end

local function check_sessions(fleet, report)
  local begun = redis.call('HLEN', keys.of_fleet(fleet, 'sessions'))
  cold.load(fleet, 'draining_sessions')
  report:expect_equal('sessions on pools', fleet.sessions + vectors.sum(fleet.draining_sessions), begun)
  report:expect_equal('sessions begun and not ended', accounting.live(fleet), begun)
  local older = redis.call('HLEN', keys.of_ended(fleet, 1 - fleet.ended_generation))
  report:expect_equal('older_ended', fleet.older_ended, older)
  report:expect_equal('early_completes', fleet.early_completes, redis.call('ZCARD', keys.of_fleet(fleet, 'early')))
end

-- The sizes of what cold fields of the same name count. O(1).
function audit_totals.sizes(fleet)
  cold.load(fleet, 'addresses', 'labels')
  return {
    addresses = redis.call('HLEN', keys.of_fleet(fleet, 'addresses')),
    labels = redis.call('HLEN', keys.of_fleet(fleet, 'labels')),
  }
end

-- The high part of each integral is its nearest double, and the session integral does not decrease.
local function check_pairs(fleet, report)
  for _, name in ipairs({ 'sessions', 'utility', 'optimum' }) do
    local high, low = fleet[name .. '_high'], fleet[name .. '_low']
    report:expect_equal(name .. ': the high part of its integral', high, high + low)
  end
  cold.load(fleet, 'utilities_version')
  local kept = history.newest(fleet)
  if kept and kept.sessions and kept.version == fleet.utilities_version
    and fleet.sessions_high + fleet.sessions_low < kept.sessions then
    report:add('sessions: its integral is below that of the newest history line')
  end
end

local function check_integrals(fleet, report)
  local utility = fleet.utility_high + fleet.utility_low
  local optimum = fleet.optimum_high + fleet.optimum_low
  if utility - optimum > math.abs(optimum) * 1e-9 then
    report:add('utility: its integral exceeds that of its bound')
  end
end

-- In one call. O(levels * pools / 8).
function audit_totals.check(fleet, report)
  local total = check_levels(fleet, report)
  check_pools(fleet, report)
  check_sessions(fleet, report)
  check_integrals(fleet, report)
  check_pairs(fleet, report)
  check_optimum(fleet, report, total)
  local function expect_equal(what, actual, expected)
    report:expect_equal(what, actual, expected)
  end
  audit_leases.check_totals(fleet, report)
  audit_type_totals.check(fleet, report)
  differences.check(fleet, expect_equal)
  policies.call(fleet, 'check', expect_equal)
  for name, size in pairs(audit_totals.sizes(fleet)) do
    report:expect_equal(name, size, fleet[name])
  end
end
