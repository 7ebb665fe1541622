-- Frontiers of classes, and the best free place.
--
-- The frontier of a class is the lowest level that some of its active pools have not reached. `frontier_bounds`, in the
-- library's memory only, has by class a level that the frontier is not below: a departure lowers it in O(1), a drawn
-- session raises it to the frontier where that decides what is best.

frontiers = {}

-- Of the classes with a positive count, the one whose level of `levels` adds most, and what it adds; 0 and `best` if
-- none adds more. O(classes).
function frontiers.highest(fleet, counts, levels, best)
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
function frontiers.best_of(fleet, counts, highs, best)
  local class_index, marginal, is_frontier
  repeat
    class_index, marginal = frontiers.highest(fleet, counts, fleet.frontier_bounds, best)
    is_frontier = class_index == 0 or find_frontier(fleet, class_index, highs[class_index])
  until is_frontier
  return marginal
end
