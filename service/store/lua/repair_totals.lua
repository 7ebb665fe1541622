-- A repair's last stages: what follows from the rows.

repair_totals = {}

-- Active pools and the order without empty classes. O(levels + classes * pools / 8).
function repair_totals.order(fleet)
  for position = 1, #fleet.numbers do
    fleet.pool_counts[position] = rows.count(keys.of_class(fleet, 'active', position))
  end
  memory.forget_enumeration(fleet)
  order.rebuild(fleet)
end

-- O(levels).
function repair_totals.bound(fleet)
  accounting.rebuild_bound(fleet)
end

-- Sessions that were counted as begun and not as ended are as many as there are: either count rises, none falls.
-- Placements by token that are more than the sessions assigned count from 0.
local function mend_counters(fleet)
  accounting.each_count(fleet, function(_, number, numbers, place) numbers[place] = math.max(0, number) end)
  if accounting.placements(fleet) > fleet.assigned then
    for _, token in ipairs(fleet.rules.TOKENS) do
      fleet['assigned_' .. token] = vectors.zeros(fleet.classes)
    end
  end
  local live = redis.call('HLEN', keys.of_fleet(fleet, 'sessions'))
  local over = fleet.completed + fleet.expired + fleet.failed + fleet.reported_ended
  local missing = live - (fleet.assigned + fleet.adopted - over)
  fleet.assigned, fleet.completed = fleet.assigned + math.max(0, missing), fleet.completed - math.min(0, missing)
  fleet.older_ended = redis.call('HLEN', keys.of_ended(fleet, 1 - fleet.ended_generation))
  fleet.early_completes = redis.call('ZCARD', keys.of_fleet(fleet, 'early'))
end

-- Averages across a repair are refused, and the integral of U is not above that of U*.
local function mend_integrals(fleet, now)
  fleet.utilities_version = fleet.utilities_version + 1
  for _, name in ipairs({ 'sessions', 'utility', 'optimum' }) do
    fleet[name .. '_high'], fleet[name .. '_low'] = fleet[name .. '_high'] + fleet[name .. '_low'], 0
  end
  if fleet.utility_high + fleet.utility_low > fleet.optimum_high + fleet.optimum_low then
    fleet.utility_high, fleet.utility_low = fleet.optimum_high, fleet.optimum_low
  end
  fleet.clock = now
  fleet.pools_since = fleet.time
end

-- Totals, tokens and r; then the fleet is no longer under repair. O(levels * pools / 8).
function repair_totals.finish(fleet, job)
  memory.forget(fleet)
  fleet.session_count = 0
  for position = 1, #fleet.numbers do
    local counts = ledger.counts(fleet, position)
    fleet.session_count = fleet.session_count + vectors.sum(counts) - counts[1]
  end
  fleet.utility = ledger.utility(fleet)
  mend_counters(fleet)
  mend_integrals(fleet, job.now)
  policies.clear(fleet)
  memory.renew(fleet)
  ledger.settle(fleet, true)
  fleet.suspect, fleet.repairs, fleet.layout = '', fleet.repairs + 1, constants.LAYOUT
end
