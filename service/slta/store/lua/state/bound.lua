-- The bound U*(N, A): the utility of the N best places of the pools in service. In the fleet's memory: `optimum`, and
-- where it ends, `bound_rank` and `bound_filled`.

bound = {}

-- One session more (`change` is 1), or less (-1); `after` is N then. Beyond all places none adds. O(1).
function bound.move(fleet, change, after)
  local compiled = fleet.tables_of
  if (change > 0 and after or after + 1) > compiled.room then
    return
  end
  local rank, filled = fleet.bound_rank, fleet.bound_filled
  if change < 0 and filled == 0 then
    rank = rank - 1
    filled = compiled.pools[compiled.bound_class[rank]]
  end
  fleet.optimum, filled = fleet.optimum + change * compiled.bound_marginal[rank], filled + change
  if filled == compiled.pools[compiled.bound_class[rank]] then
    rank, filled = rank + 1, 0
  end
  fleet.bound_rank, fleet.bound_filled = rank, filled
end

-- Counts it for the present sessions. O(r*).
function bound.count(fleet)
  local compiled = fleet.tables_of
  local left, optimum, rank, filled = math.min(fleet.sessions, compiled.room), 0, 1, 0
  while left > 0 do
    local places = compiled.pools[compiled.bound_class[rank]]
    filled = math.min(left, places)
    optimum, left = optimum + filled * compiled.bound_marginal[rank], left - filled
    if filled == places then
      rank, filled = rank + 1, 0
    end
  end
  fleet.optimum, fleet.bound_rank, fleet.bound_filled = optimum, rank, filled
end
