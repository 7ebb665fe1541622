-- Observe: nothing is placed here. Sessions come by reports of where others have put them, and each report is compared
-- with JLMU's choice at the state that the session found. So the rows and fields are those of JLMU, which see.
--
-- The difference of a report is the marginal utility at JLMU's choice less that of the reported place.
-- `difference` is their sum in the store's integers, so that the mean over any window can be told. The sum itself is
-- told to nobody: it is not what could have been gained, for one session's place changes the state that the next one
-- finds.

observe = {
  TOKENS = {},
  CLASS_ROWS = jlmu.CLASS_ROWS,
  FLEET_ROWS = {},
  NUMBERS = { 'compared_since', 'compared_reports', 'difference', 'left_out_over_capacity', 'left_out_unknown_pool' },
  VECTORS = jlmu.VECTORS,
  rose = jlmu.rose,
  fell = jlmu.fell,
  reported_rank = jlmu.reported_rank,
  rows = jlmu.rows,
}

-- Marginal utility at the reported place; pool, class and marginal utility of JLMU's choice; the exponent of both.
-- O(classes + log pools).
function observe.compare(fleet, draw, position, level)
  local _, best, bit = jlmu.choose(fleet, tonumber(draw))
  local here = accounting.marginal(fleet, position, level)
  local there = accounting.marginal(fleet, best, fleet.frontiers[best])
  fleet.compared_reports = fleet.compared_reports + 1
  fleet.difference = fleet.difference + there - here
  local pool_id = pools.name(fleet, keys.pool_number(fleet, best, bit))
  return { here, pool_id, fleet.class_names[best], there, fleet.exponent }
end

local LEFT_OUT = { OVER_CAPACITY = 'left_out_over_capacity', UNKNOWN_POOL = 'left_out_unknown_pool' }

-- O(1).
function observe.left_out(fleet, why)
  local count = LEFT_OUT[why]
  if count then
    fleet[count] = fleet[count] + 1
  end
end

-- Differences of other curves are in other units.
function observe.rebuild(fleet, afresh)
  if afresh then
    fleet.compared_since, fleet.compared_reports, fleet.difference = fleet.time, 0, 0
  end
  jlmu.rebuild(fleet)
end

-- As JLMU's; and the comparison did not begin in the future, and is of reports. O(classes * log levels * pools / 8).
function observe.check(fleet, claim)
  jlmu.check(fleet, claim)
  claim('compared_since', fleet.compared_since, math.min(fleet.compared_since, fleet.time))
  for _, field in ipairs({ 'compared_reports', 'left_out_over_capacity', 'left_out_unknown_pool' }) do
    claim(field, fleet[field], math.max(0, fleet[field]))
  end
  if fleet.compared_reports == 0 then
    claim('difference of no reports', fleet.difference, 0)
  end
end

-- What a line of integrals has of it. O(1).
function observe.sums(fleet)
  return { fleet.compared_since, fleet.compared_reports, fleet.difference }
end
