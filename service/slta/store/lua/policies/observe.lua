-- Observe: places no sessions. Sessions are reported after others have placed them, and each report is compared with
-- the choice of JLMU at the same state, see `differences`.

observe = {
  TOKENS = {}, observes = true,
  count = jlmu.count, on_change = jlmu.on_change, rebuild = jlmu.rebuild, rank = jlmu.rank,
}

-- A pool's occupancy is about to rise to `level` by another dispatcher's placement: marginal utility there; pool, class
-- and marginal utility of JLMU's choice; the exponent of both. O(classes + log pools).
function observe.compare(fleet, draw, class, level, kind)
  local compiled = fleet.tables_of
  local _, best, number = jlmu.choose(fleet, tonumber(draw), kind, compiled.unconfirmed > 0, true)
  local there = occupancies.frontier(fleet, best, compiled.unconfirmed > 0)
  return {
    compiled.marginals[class][level], pool_records.at(fleet, number).pool_id, compiled.names[best],
    compiled.marginals[best][there], compiled.exponent,
  }
end
