-- Checks of what follows from all pools and sessions, at the end of a run: token bits, N, U, U*, r, counts of pools by
-- class, counts by type, guards, counters.

totals_checks = {}

local ENDED = { 'completed', 'expired', 'failed', 'reported_ended', 'pool_gone' }
local COUNTED = { 'draining_pools', 'failed_pools', 'pools_alive', 'pools_lost', 'pools_gone' }

local function bytes_of(key)
  return (string.gsub(redis.call('GET', key) or '', '%z+$', ''))
end

-- The part of a class's token bits. A run that mends writes them at its end.
function totals_checks.bits(fleet, run, classes)
  run.budget = run.budget - fleet.tables_of.pools[classes[1]] / 10
  if fleet.tables_of.policy_table.has_thresholds and not run.mends and bits.has_rank(fleet) then
    bits.each_row(fleet, classes[1], function(key, expected)
      if bytes_of(key) ~= expected then
        findings.wrong(run, key .. ': its bits do not follow from r and the sessions')
      end
    end)
  end
end

-- Counts of pools by class.
local function check_pools(fleet, run)
  for class in ipairs(fleet.tables_of.names) do
    for _, name in ipairs(COUNTED) do
      local field = tables.field(fleet, name, class)
      findings.compare(run, field, fleet[name][class], run.tally[field] or 0, function(expected)
        state.set(fleet, name, class, expected)
      end)
    end
    local guard, quiet = fleet.guard[class], redis.call('ZCARD', fleet.tables_of.keys.quiet[class])
    local is_on = guard == pool_sets.ON or guard == pool_sets.OVER
    if is_on ~= (quiet > 0) or not is_on and guard ~= pool_sets.OFF then
      findings.wrong(run, 'guard of class ' .. class .. ': ' .. guard .. ' with ' .. quiet .. ' unconfirmed pools',
        function() guards.mend(fleet, class, quiet) end)
    end
  end
end

-- Counts by type. Those that change are integrated up to now before.
local function check_types(fleet, run)
  local compiled, own = fleet.tables_of, fleet.tables_of.types and types.counts(fleet)
  for kind, number in ipairs(own and compiled.types.numbers or {}) do
    if run.mends then
      types.settle(fleet, own, kind)
    end
    findings.compare(run, 'others:' .. number, own.others[kind], run.tally['others:' .. number] or 0,
      function(expected) own.others[kind] = expected end)
    for class, id in ipairs(compiled.ids) do
      local cell, field = (kind - 1) * compiled.types.classes + class, 'held:' .. number .. ':' .. id
      findings.compare(run, field, own.held[cell], run.tally[field] or 0, function(expected)
        own.held[cell] = expected
      end)
    end
  end
  if own and run.mends then
    types.sum(fleet, own)
    own.is_new = true
  end
end

-- As many sessions live as have begun and not ended; sets of ids are as large as their fields.
local function check_counters(fleet, run)
  local live, all = fleet.assigned + fleet.adopted, fleet.tables_of.keys
  for _, name in ipairs(ENDED) do
    live = live - fleet[name]
  end
  findings.compare(run, 'sessions begun and not ended', live, redis.call('HLEN', all.sessions), function(expected)
    local name = expected > live and 'adopted' or 'failed'
    fleet[name] = fleet[name] + math.abs(expected - live)
  end)
  for _, name in ipairs({ 'early', 'refused' }) do
    findings.compare(run, name, fleet[name], redis.call('ZCARD', all[name]), function(expected)
      fleet[name] = expected
    end)
  end
  for _, name in ipairs({ 'next_due', 'pools_since', 'ended_since' }) do
    local latest = name == 'next_due' and math.floor(fleet.time / 1e6) + 1 or fleet.time
    if fleet[name] > latest then
      findings.wrong(run, name .. ': is later than it can be', function() fleet[name] = latest end)
    end
  end
  if fleet.ended_generation ~= 0 and fleet.ended_generation ~= 1 then
    findings.wrong(run, 'ended_generation: is not 0 or 1', function() fleet.ended_generation = 0 end)
  end
end

-- N, U, U*, sessions beyond capacity, and r, which is kept if it is a coordinate of the order.
local function check_totals(fleet, run)
  local held, utility, over = policies.totals(fleet)
  local function set(name) return function(expected) fleet[name] = expected end end
  findings.compare(run, 'sessions', fleet.sessions, held, set('sessions'))
  findings.compare(run, 'utility', fleet.utility, utility, set('utility'))
  for class, count in ipairs(over) do
    findings.compare(run, 'over of class ' .. class, fleet.over[class], count, function(expected)
      state.set(fleet, 'over', class, expected)
    end)
  end
  local is_known = not fleet.tables_of.policy_table.has_thresholds or bits.has_rank(fleet)
  if not is_known then
    findings.wrong(run, 'r is no coordinate of the order')
  end
  if run.mends then
    policies.rebuild(fleet, not is_known, true)
  else
    local optimum = fleet.optimum
    bound.count(fleet)
    findings.compare(run, 'optimum', optimum, fleet.optimum)
  end
end

-- An integral that is lost begins anew with all others, under another version.
local function restart_integrals(fleet)
  for _, name in ipairs({ 'sessions', 'utility', 'optimum' }) do
    fleet[name .. '_high'], fleet[name .. '_low'] = 0, 0
  end
  fleet.utilities_version = fleet.utilities_version + 1
  intervals.restart(fleet)
end

-- The last part, in one call; the fleet of a run that mends is sound then. O(levels in use * log pools), O(pools) if it
-- mends.
function totals_checks.finish(fleet, run)
  if run.mends then
    fleet.shape = fleet.shape + 1 -- pools may have come to the sorted sets
    fleet.tables_of = tables.open(fleet, fleet.tables_of)
  end
  check_totals(fleet, run)
  check_pools(fleet, run)
  check_types(fleet, run)
  check_counters(fleet, run)
  if run.mends and run.loses_integral then
    restart_integrals(fleet)
  end
  if run.mends then
    timers.find_due(fleet)
    fleet.suspect, fleet.repairs = '', fleet.repairs + 1
    claims.unblock(fleet.key)
    state.touch(fleet)
  elseif fleet.suspect ~= '' then
    findings.wrong(run, 'suspect: ' .. fleet.suspect)
  end
end
