-- Observe: places no sessions. Sessions are reported after others have placed them, and each report is compared with
-- the choice of JLMU at the same state, see `differences`. Rows and fields are therefore those of `jlmu.lua`.

observe = {
  TOKENS = {},
  CLASS_ROWS = jlmu.CLASS_ROWS,
  FLEET_ROWS = {},
  NUMBERS = { 'left_out_over_capacity', 'left_out_unknown_pool' },
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

-- As JLMU's; also that it counts reports. O(classes * log levels * pools / 8).
function observe.check(fleet, report)
  jlmu.check(fleet, report)
  for _, field in ipairs(observe.NUMBERS) do
    report:expect_equal(field, fleet[field], math.max(0, fleet[field]))
  end
end
