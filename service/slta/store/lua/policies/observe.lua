-- Observe: places no sessions. Sessions are reported after others have placed them, and each report is compared with
-- the choice of JLMU at the same state. Rows and fields are therefore those of `jlmu.lua`.
--
-- The difference of a report is the marginal utility of JLMU's choice less that of the reported pool. `difference` is
-- their sum in the store's integers, from which the mean over any window follows. The sum itself is not published: it
-- is not the utility that could have been gained, since each placement changes the state that the next session finds.

observe = {
  TOKENS = {},
  CLASS_ROWS = jlmu.CLASS_ROWS,
  FLEET_ROWS = {},
  NUMBERS = { 'compared_since', 'compared_reports', 'difference', 'left_out_over_capacity', 'left_out_unknown_pool' },
  VECTORS = jlmu.VECTORS,
  on_change = jlmu.on_change,
  rebuild = jlmu.rebuild,
  reported_rank = jlmu.reported_rank,
  rows = jlmu.rows,
}

-- Marginal utility of the reported pool; pool, class and marginal utility of JLMU's choice; the exponent of both.
-- O(classes + log pools).
function observe.compare(fleet, draw, class_index, level, type_index)
  local _, best, pool_index = jlmu.choose(fleet, tonumber(draw), type_index, true)
  local here = tables.number(fleet, 'marginals', class_index, level)
  local there = tables.number(fleet, 'marginals', best, fleet.frontiers[best])
  fleet.compared_reports = fleet.compared_reports + 1
  fleet.difference = fleet.difference + there - here
  local pool_id = pool_records.name(fleet, keys.pool_number(fleet, best, pool_index))
  return { here, pool_id, fleet.names[best], there, fleet.exponent }
end

local LEFT_OUT = { OVER_CAPACITY = 'left_out_over_capacity', UNKNOWN_POOL = 'left_out_unknown_pool' }

-- O(1).
function observe.left_out(fleet, word)
  local count = LEFT_OUT[word]
  if count then
    fleet[count] = fleet[count] + 1
  end
end

function observe.restart(fleet)
  fleet.compared_since, fleet.compared_reports, fleet.difference = fleet.time, 0, 0
end

-- As JLMU's; also that the comparison did not begin in the future and counts reports. O(classes * log levels * pools /
-- 8).
function observe.check(fleet, expect_equal)
  jlmu.check(fleet, expect_equal)
  expect_equal('compared_since', fleet.compared_since, math.min(fleet.compared_since, fleet.time))
  for _, field in ipairs({ 'compared_reports', 'left_out_over_capacity', 'left_out_unknown_pool' }) do
    expect_equal(field, fleet[field], math.max(0, fleet[field]))
  end
  if fleet.compared_reports == 0 then
    expect_equal('difference of no reports', fleet.difference, 0)
  end
end

-- The fields that a history line includes. O(1).
function observe.sums(fleet)
  return { fleet.compared_since, fleet.compared_reports, fleet.difference }
end
