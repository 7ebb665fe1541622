-- A repair's last stages: totals and everything else derived from the rows.

repair_totals = {}

-- Counts the active pools and rebuilds the live order. O(levels + classes * pools / 8).
function repair_totals.order(fleet)
  for class_index = 1, #fleet.numbers do
    fleet.pools[class_index] = rows.count(keys.of_class(fleet, 'active', class_index))
  end
  cache.invalidate_order(fleet)
  order.rebuild(fleet)
  cache.store(fleet) -- a repair that begins anew knows the session types by the digest
end

-- Raises the counts of begun or of ended sessions until they agree with the records; neither is lowered. Placements by
-- token that exceed the assigned sessions are reset to 0.
local function repair_counters(fleet)
  accounting.each_count(fleet, function(_, count, counts, key) counts[key] = math.max(0, count) end)
  if accounting.placements(fleet) > fleet.assigned then
    for _, token in ipairs(fleet.policy_table.TOKENS) do
      fleet['assigned_' .. token] = vectors.zeros(fleet.classes)
    end
  end
  repair_types.finish(fleet)
  local missing = redis.call('HLEN', keys.of_fleet(fleet, 'sessions')) - accounting.live(fleet)
  fleet.assigned, fleet.completed = fleet.assigned + math.max(0, missing), fleet.completed - math.min(0, missing)
  fleet.older_ended = redis.call('HLEN', keys.of_ended(fleet, 1 - fleet.ended_generation))
  fleet.early_completes = redis.call('ZCARD', keys.of_fleet(fleet, 'early'))
  for name, size in pairs(audit_totals.sizes(fleet)) do
    fleet[name] = size
  end
end

-- Corrects the integrals: averages across a repair are refused, and the integral of U is at most that of U*.
local function repair_integrals(fleet, now)
  fleet.utilities_version = fleet.utilities_version + 1
  for _, name in ipairs({ 'sessions', 'utility', 'optimum' }) do
    fleet[name .. '_high'], fleet[name .. '_low'] = fleet[name .. '_high'] + fleet[name .. '_low'], 0
  end
  if fleet.utility_high + fleet.utility_low > fleet.optimum_high + fleet.optimum_low then
    fleet.utility_high, fleet.utility_low = fleet.optimum_high, fleet.optimum_low
  end
  fleet.clock, fleet.lag = now, now - fleet.time
  fleet.pools_since = fleet.time
end

-- Rebuilds totals, tokens and r, and ends the repair. O(levels * pools / 8).
function repair_totals.finish(fleet, job)
  cache.invalidate(fleet)
  fleet.utility, fleet.sessions = ledger.totals(fleet, ledger.columns(fleet))
  repair_counters(fleet)
  repair_integrals(fleet, job.now)
  timers.find_due(fleet)
  policy_tables.clear(fleet)
  differences.restart(fleet)
  cache.store(fleet)
  derived.rename(fleet)
  derived.rebuild(fleet, true)
  fleet.suspect, fleet.repairs, fleet.layout = '', fleet.repairs + 1, constants.LAYOUT
end
