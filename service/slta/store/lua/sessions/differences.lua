-- Differences at placing in fleets that place sessions (service/slta/core/differences.py): for one in
-- `constants.DRAWN_ONE_IN` sessions of each source, the best marginal utility of a free place at that moment less that
-- of the place taken. A source is 'placed' (by an assign) or 'reported' (a new session that another balancer has just
-- placed).
--
-- The state has, by source, the number of drawn sessions, the sum of their differences and that of the squares, in the
-- store's integers. They begin anew at fleet time `differences_since`, when curves, order or policy change.

differences = {}

local NAMES = {
  placed = { drawn = 'placed_drawn', sum = 'placed_difference', squares = 'placed_squares' },
  reported = { drawn = 'reported_drawn', sum = 'reported_difference', squares = 'reported_squares' },
}

-- Whether a session is drawn: by the low bits of its draw, which has 53, as a choice among pools depends on the high
-- ones.
function differences.is_drawn(draw)
  return draw * 2 ^ 53 % constants.DRAWN_ONE_IN == 0
end

-- A drawn session of a type is about to raise the occupancy of an active pool to `level`. O(classes) and a few rows, a
-- row of each class more if the policy knows of no free place.
function differences.add(fleet, source, class_index, level, type_index)
  local names, here = NAMES[source], tables.number(fleet, 'marginals', class_index, level)
  local best = policies.call(fleet, 'best_marginal', here, type_index)
    or frontiers.best_of(fleet, choice.room(fleet), fleet.capacities, here)
  local difference = best - here
  fleet[names.drawn] = fleet[names.drawn] + 1
  fleet[names.sum] = fleet[names.sum] + difference
  fleet[names.squares] = fleet[names.squares] + difference * difference
end

-- Begins anew, as the policy does.
function differences.restart(fleet)
  fleet.differences_since = fleet.time
  for _, names in pairs(NAMES) do
    fleet[names.drawn], fleet[names.sum], fleet[names.squares] = 0, 0, 0
  end
  policies.call(fleet, 'restart')
end

-- The fields that a history line includes, in order; nil while no session was drawn.
function differences.sums(fleet)
  if fleet.placed_drawn + fleet.reported_drawn > 0 then
    return {
      fleet.differences_since, fleet.placed_drawn, fleet.placed_difference, fleet.placed_squares,
      fleet.reported_drawn, fleet.reported_difference, fleet.reported_squares,
    }
  end
end

-- Calls expect_equal(what, stored, expected) for the audit: they did not begin in the future, there are no more drawn
-- sessions than have begun, no difference is negative, and by Cauchy's inequality n * sum of squares >= sum^2.
function differences.check(fleet, expect_equal)
  cold.load(fleet, 'adopted')
  expect_equal('differences_since', fleet.differences_since, math.min(fleet.differences_since, fleet.time))
  for source, begun in pairs({ placed = fleet.assigned, reported = fleet.adopted }) do
    local names = NAMES[source]
    local drawn, sum, squares = fleet[names.drawn], fleet[names.sum], fleet[names.squares]
    expect_equal(names.drawn, drawn, math.max(0, math.min(drawn, begun)))
    expect_equal(names.sum, sum, drawn == 0 and 0 or math.max(0, sum))
    local is_possible = drawn > 0 and drawn * squares >= sum * sum * (1 - 1e-9) or drawn == 0 and squares == 0
    expect_equal(names.squares .. ' is possible', is_possible, true)
  end
end
