-- The audit of a fleet's totals against all rows, in one call, since every operation changes them.

audit_totals = {}

-- Sessions and utility of the active pools of a class, from the counts of its level rows. O(levels).
local function sum_levels(fleet, report, class_index)
  local worths = redis.call('GET', keys.of_class(fleet, 'marginals', class_index)) or ''
  local sessions_here, utility, before = 0, 0, fleet.pools[class_index]
  for level = 1, fleet.capacities[class_index] do
    local count = rows.count(keys.of_level(fleet, class_index, level))
    if count > before then
      report:add(string.format('%s: is not nested in the level before', keys.of_level(fleet, class_index, level)))
    end
    if count > 0 then
      local at = (level - 1) * constants.MARGINAL_BYTES
      local worth = tonumber(string.sub(worths, at + 1, at + constants.MARGINAL_BYTES))
      sessions_here, utility = sessions_here + count, utility + count * worth
    end
    before = count
  end
  return sessions_here, utility
end

-- U* for `left` sessions: its value, and the rank and filled pools at which it ends. O(r*).
local function fill_optimum(fleet, left)
  local text = redis.call('GET', keys.of_fleet(fleet, 'bound')) or ''
  local optimum, rank, filled = 0, 1, 0
  while left > 0 do
    local at = (rank - 1) * constants.BOUND_BYTES
    local pools_here = fleet.pools[tonumber(string.sub(text, at + 1, at + constants.CLASS_BYTES))]
    local worth = tonumber(string.sub(text, at + constants.CLASS_BYTES + 1, at + constants.BOUND_BYTES))
    local here = math.min(left, pools_here)
    optimum, left = optimum + here * worth, left - here
    if here == pools_here then
      rank = rank + 1
    else
      filled = here
    end
  end
  return optimum, rank, filled
end

local function check_pools(fleet, report)
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
  local records = redis.call('HLEN', keys.of_fleet(fleet, 'sessions'))
  report:expect_equal('sessions on pools', fleet.sessions + vectors.sum(fleet.draining_sessions), records)
  local over = fleet.completed + fleet.expired + fleet.failed + fleet.reported_ended
  report:expect_equal('sessions begun and not ended', fleet.assigned + fleet.adopted - over, records)
  local older = redis.call('HLEN', keys.of_ended(fleet, 1 - fleet.ended_generation))
  report:expect_equal('older_ended', fleet.older_ended, older)
  report:expect_equal('early_completes', fleet.early_completes, redis.call('ZCARD', keys.of_fleet(fleet, 'early')))
end

-- The high part of each integral is its nearest double, and the session integral does not decrease.
local function check_pairs(fleet, report)
  for _, name in ipairs({ 'sessions', 'utility', 'optimum' }) do
    local high, low = fleet[name .. '_high'], fleet[name .. '_low']
    report:expect_equal(name .. ': the high part of its integral', high, high + low)
  end
  local kept = history.newest(fleet)
  if kept and kept.version == fleet.utilities_version and fleet.sessions_high + fleet.sessions_low < kept.sessions then
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
  local sessions_here, utility = 0, 0
  for class_index = 1, #fleet.numbers do
    local more, worth = sum_levels(fleet, report, class_index)
    sessions_here, utility = sessions_here + more, utility + worth
  end
  report:expect_equal('sessions', fleet.sessions, sessions_here)
  report:expect_equal('utility', fleet.utility, utility)
  check_pools(fleet, report)
  check_sessions(fleet, report)
  check_integrals(fleet, report)
  check_pairs(fleet, report)
  local optimum, rank, filled = fill_optimum(fleet, sessions_here)
  report:expect_equal('optimum', fleet.optimum, optimum)
  report:expect_equal('bound_rank', fleet.bound_rank, rank)
  report:expect_equal('bound_filled', fleet.bound_filled, filled)
  policies.call(fleet, 'check', function(what, actual, expected) report:expect_equal(what, actual, expected) end)
end
