-- The audit of a fleet's totals against all rows, in one call: they change with every operation.

audit_totals = {}

-- Sessions and utility of the active pools of class `position`, from the counts of its level rows. O(levels).
local function sum_levels(fleet, look, position)
  local worths = redis.call('GET', keys.of_class(fleet, 'marginals', position)) or ''
  local sessions_here, utility, before = 0, 0, fleet.pool_counts[position]
  for level = 1, fleet.capacities[position] do
    local count = rows.count(keys.of_level(fleet, position, level))
    if count > before then
      look:say(string.format('%s: is not nested in the level before', keys.of_level(fleet, position, level)))
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

-- U*, and its place in the order of marginal utilities, of so many sessions. O(r*).
local function fill_optimum(fleet, left)
  local text = redis.call('GET', keys.of_fleet(fleet, 'bound')) or ''
  local optimum, rank, filled = 0, 1, 0
  while left > 0 do
    local at = (rank - 1) * constants.BOUND_BYTES
    local pools_here = fleet.pool_counts[tonumber(string.sub(text, at + 1, at + constants.CLASS_BYTES))]
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

local function check_pools(fleet, look)
  local total, room = 0, 0
  for position = 1, #fleet.numbers do
    local used = rows.count(keys.of_class(fleet, 'used', position))
    local active = rows.count(keys.of_class(fleet, 'active', position))
    local name = fleet.class_names[position]
    look:claim('active pools of class ' .. name, fleet.pool_counts[position], active)
    local others = fleet.draining_pools[position] + fleet.failed_pools[position]
    look:claim('other pools of class ' .. name, others, used - active)
    total, room = total + used, room + active * fleet.capacities[position]
  end
  look:claim('active_pools', fleet.active_pools, vectors.sum(fleet.pool_counts))
  look:claim('room_for', fleet.room_for, room)
  look:claim('pools', redis.call('HLEN', keys.of_fleet(fleet, 'pools')), total)
  look:claim('names', redis.call('HLEN', keys.of_fleet(fleet, 'names')), total)
end

local function check_sessions(fleet, look)
  local records = redis.call('HLEN', keys.of_fleet(fleet, 'sessions'))
  look:claim('sessions on pools', fleet.session_count + vectors.sum(fleet.draining_sessions), records)
  local over = fleet.completed + fleet.expired + fleet.failed + fleet.reported_ended
  look:claim('sessions begun and not ended', fleet.assigned + fleet.adopted - over, records)
  local older = redis.call('HLEN', keys.of_ended(fleet, 1 - fleet.ended_generation))
  look:claim('older_ended', fleet.older_ended, older)
  look:claim('early_completes', fleet.early_completes, redis.call('ZCARD', keys.of_fleet(fleet, 'early')))
end

-- The high part of each integral is the double nearest to the whole, and that of the sessions does not fall.
local function check_pairs(fleet, look)
  for _, name in ipairs({ 'sessions', 'utility', 'optimum' }) do
    local high, low = fleet[name .. '_high'], fleet[name .. '_low']
    look:claim(name .. ': the high part of its integral', high, high + low)
  end
  local kept = history.newest(fleet)
  if kept and kept.version == fleet.utilities_version and fleet.sessions_high + fleet.sessions_low < kept.sessions then
    look:say('sessions: its integral is below the one that was kept')
  end
end

local function check_integrals(fleet, look)
  local utility = fleet.utility_high + fleet.utility_low
  local optimum = fleet.optimum_high + fleet.optimum_low
  if utility - optimum > math.abs(optimum) * 1e-9 then
    look:say('utility: its integral exceeds that of its bound')
  end
end

-- Within one call. O(levels * pools / 8).
function audit_totals.check(fleet, look)
  local sessions_here, utility = 0, 0
  for position = 1, #fleet.numbers do
    local more, worth = sum_levels(fleet, look, position)
    sessions_here, utility = sessions_here + more, utility + worth
  end
  look:claim('sessions', fleet.session_count, sessions_here)
  look:claim('utility', fleet.utility, utility)
  check_pools(fleet, look)
  check_sessions(fleet, look)
  check_integrals(fleet, look)
  check_pairs(fleet, look)
  local optimum, rank, filled = fill_optimum(fleet, sessions_here)
  look:claim('optimum', fleet.optimum, optimum)
  look:claim('bound_rank', fleet.bound_rank, rank)
  look:claim('bound_filled', fleet.bound_filled, filled)
  policies.tell(fleet, 'check', function(what, actual, expected) look:claim(what, actual, expected) end)
end
