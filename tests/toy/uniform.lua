-- A toy policy for tests: any pool with room, uniformly.

local function nothing() end

uniform = { TOKENS = { 'open' }, count = nothing, on_change = nothing, rebuild = nothing }

function uniform.choose(fleet, draw, _, with_quiet)
  local room, capacities = occupancies.room(fleet, with_quiet), fleet.tables_of.capacities
  local class, nth = choice.pick(room, vectors.sum(room), 0, draw)
  return 'open', class, occupancies.select_below(fleet, class, capacities[class], nth, with_quiet), 0
end

function uniform.rank()
  return 0
end
