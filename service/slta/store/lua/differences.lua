-- Differences at placing in fleets that place sessions (service/slta/core/differences.py): for one in
-- `constants.DRAWN_ONE_IN` sessions of each source, the best marginal utility of a free place at that moment less that
-- of the place taken. A source is 'placed' (by an assign) or 'reported' (a new session that another balancer has just
-- placed).
--
-- The state has, by source, the number of drawn sessions, the sum of their differences and that of the squares, in the
-- store's integers. They begin anew at fleet time `differences_since`, when curves, order or policy change.
--
-- The frontier of a class is the lowest level that some of its active pools have not reached. `frontier_bounds`, in the
-- library's memory only, has by class a level that the frontier is not below: a departure lowers it in O(1), a drawn
-- session raises it to the frontier where that decides what is best.

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

-- Forgets what is known of the frontiers: pools changed, or others changed the fleet. O(classes).
function differences.forget_frontiers(fleet)
  for class_index = 1, #fleet.pools do
    fleet.frontier_bounds[class_index] = 1
  end
end

-- Of the classes with a positive count, the one whose level of `levels` adds most, and what it adds; 0 and `best` if
-- none adds more. O(classes).
function differences.highest(fleet, counts, levels, best)
  local marginals, stride, found = fleet.marginals, constants.MAX_LEVELS, 0
  for class_index = 1, #counts do
    if counts[class_index] > 0 then
      local level = levels[class_index]
      local marginal = marginals[class_index * stride + level] or tables.number(fleet, 'marginals', class_index, level)
      if marginal > best then
        found, best = class_index, marginal
      end
    end
  end
  return found, best
end

-- Raises the bound of a class to its frontier, which is at most `high`, and returns whether it was there. O(log levels
-- * pools / 8), at most one row if it was.
local function find_frontier(fleet, class_index, high)
  local bound = fleet.frontier_bounds[class_index]
  local low, level = bound - 1, bound
  while low + 1 < high do
    if rows.count(keys.of_level(fleet, class_index, level)) == fleet.pools[class_index] then
      low = level
    else
      high = level
    end
    level = level == bound and high - 1 or math.floor((low + high) / 2)
  end
  fleet.frontier_bounds[class_index] = high
  return high == bound
end

-- The best marginal utility of a free place of the classes with a positive count, at least `best`; their frontiers are
-- at most `highs`. Within a class marginal utilities do not rise, so none can beat the class whose bound adds most if
-- that is its frontier. O(classes) and one row if so, else O(log levels * pools / 8) for each bound that rises.
function differences.best_of(fleet, counts, highs, best)
  local class_index, marginal, is_frontier
  repeat
    class_index, marginal = differences.highest(fleet, counts, fleet.frontier_bounds, best)
    is_frontier = class_index == 0 or find_frontier(fleet, class_index, highs[class_index])
  until is_frontier
  return marginal
end

-- A drawn session of a kind is about to raise the occupancy of an active pool to `level`. O(classes) and a few rows, a
-- row of each class more if the policy knows of no free place.
function differences.add(fleet, source, class_index, level, kind)
  local names, here = NAMES[source], tables.number(fleet, 'marginals', class_index, level)
  local best = policies.call(fleet, 'best_marginal', here, kind)
    or differences.best_of(fleet, choice.room(fleet), fleet.capacities, here)
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
