-- Differences at placing (service/slta/core/differences.py), of two sources: 'placed' (by an assign) or 'reported' (by
-- another balancer). In a fleet that places sessions: for one in `constants.DRAWN_ONE_IN` new sessions of each, the
-- best marginal utility of a free place just before, less that of the place taken. In a fleet that observes: for each
-- report, that of JLMU's choice less that of the place taken.
--
-- The state has, by source, the number of these sessions, the sum of their differences and that of the squares, in the
-- store's integers. They begin anew at fleet time `differences_since`, when curves, order or policy change. A sum is
-- not published: it is not the utility that could have been gained, since each placement changes the state that the
-- next session finds.

differences = {}

local NAMES = {
  placed = { drawn = 'placed_drawn', sum = 'placed_difference', squares = 'placed_squares' },
  reported = { drawn = 'reported_drawn', sum = 'reported_difference', squares = 'reported_squares' },
}

-- Adds a session on a place of the marginal utility `here`, where one of `best` was free.
function differences.add(fleet, source, here, best)
  local names, difference = NAMES[source], best - here
  fleet[names.drawn] = fleet[names.drawn] + 1
  fleet[names.sum] = fleet[names.sum] + difference
  fleet[names.squares] = fleet[names.squares] + difference * difference
end

-- A session of a type is about to raise the occupancy of an active pool to `level`: adds it if it is drawn, by the low
-- bits of its draw, which has 53, as a choice among pools depends on the high ones. O(1), for one that is drawn
-- O(classes) and a few rows, a row of each class more if the policy knows of no free place.
function differences.draw(fleet, source, draw, class_index, level, type_index)
  if draw * 2 ^ 53 % constants.DRAWN_ONE_IN ~= 0 then
    return
  end
  local here = tables.number(fleet, 'marginals', class_index, level)
  local best = policies.call(fleet, 'best_marginal', here, type_index)
    or frontiers.best_of(fleet, choice.room(fleet), fleet.capacities, here)
  differences.add(fleet, source, here, best)
end

-- Begins anew.
function differences.restart(fleet)
  fleet.differences_since = fleet.time
  for _, names in pairs(NAMES) do
    fleet[names.drawn], fleet[names.sum], fleet[names.squares] = 0, 0, 0
  end
end

-- The fields that a history line includes, in order; nil while there was no such session.
function differences.sums(fleet)
  if fleet.placed_drawn + fleet.reported_drawn > 0 then
    return {
      fleet.differences_since, fleet.placed_drawn, fleet.placed_difference, fleet.placed_squares,
      fleet.reported_drawn, fleet.reported_difference, fleet.reported_squares,
    }
  end
end

-- Calls report:expect_equal(what, stored, expected) for the audit: they did not begin in the future, and by Cauchy's
-- inequality n * sum of squares >= sum^2. Where sessions are placed, no more were drawn than have begun, and no
-- difference is negative.
function differences.check(fleet, report)
  cold.load(fleet, 'adopted')
  report:expect_equal('differences_since', fleet.differences_since, math.min(fleet.differences_since, fleet.time))
  for source, begun in pairs({ placed = fleet.assigned, reported = fleet.adopted }) do
    local names = NAMES[source]
    local drawn, sum, squares = fleet[names.drawn], fleet[names.sum], fleet[names.squares]
    local most, least = begun, 0
    if not fleet.policy_table.choose then
      most, least = math.huge, -math.huge
    end
    report:expect_equal(names.drawn, drawn, math.max(0, math.min(drawn, most)))
    report:expect_equal(names.sum, sum, drawn == 0 and 0 or math.max(least, sum))
    local is_possible = drawn > 0 and drawn * squares >= sum * sum * (1 - 1e-9) or drawn == 0 and squares == 0
    report:expect_equal(names.squares .. ' is possible', is_possible, true)
  end
end
