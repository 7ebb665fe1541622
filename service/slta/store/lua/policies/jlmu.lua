-- Join the Largest Marginal Utility (paper section 3.1).
--
-- In `counts`, by class of the confirmed pools: `frontiers`, the lowest level that some pool has not reached; `open`,
-- the pools at it; `frontier_ranks`, its rank, infinite for a class without room. They are kept by each change, and
-- read from the sorted set when the last open pool of a class is taken.

jlmu = { TOKENS = { 'open' } }

local function read(fleet, view, class, with_quiet)
  local level = occupancies.frontier(fleet, class, with_quiet)
  view.frontiers[class], view.open[class] = level, 0
  view.frontier_ranks[class] = fleet.tables_of.ranks[class][level] or math.huge
  if view.frontier_ranks[class] < math.huge then
    view.open[class] = occupancies.count_below(fleet, class, level, with_quiet)
  end
end

local function read_all(fleet, view, with_quiet)
  view.frontiers, view.open, view.frontier_ranks = {}, {}, {}
  for class = 1, #fleet.tables_of.names do
    read(fleet, view, class, with_quiet)
  end
  return view
end

-- Reads the counts. O(classes).
function jlmu.count(fleet)
  read_all(fleet, fleet.counts, false)
end

-- The class of a kind with the best frontier; 0 without room. O(classes).
local function best_class(fleet, ranks, kind)
  local best, found, known = math.huge, 0, fleet.tables_of.types
  for class = 1, #ranks do
    if ranks[class] < best and (not known or types.may_use(fleet, kind, class)) then
      best, found = ranks[class], class
    end
  end
  return found
end

-- The rule (eq. 6): the best of the classes' frontiers, with session types less prices unless `unpriced`, then one of
-- its open pools. O(classes + log pools), O(classes * types) with prices.
function jlmu.choose(fleet, draw, kind, with_quiet, unpriced)
  local view = with_quiet and read_all(fleet, {}, true) or fleet.counts
  local class
  if fleet.tables_of.types and not unpriced then
    class = prices.choose(fleet, kind, view)
  else
    class = best_class(fleet, view.frontier_ranks, kind)
  end
  if class > 0 then
    local nth = math.floor(draw * view.open[class])
    return 'open', class, occupancies.select_below(fleet, class, view.frontiers[class], nth, with_quiet), 0
  end
end

-- The occupancy of a confirmed pool rose to `level` (`change` is 1) or fell from it (-1). O(1), O(log pools) if the
-- frontier rises.
function jlmu.on_change(fleet, class, _, level, change)
  local counts = fleet.counts
  local frontier = counts.frontiers[class]
  if level == frontier then
    counts.open[class] = counts.open[class] - change
    if counts.open[class] == 0 then
      read(fleet, counts, class, false)
    end
  elseif level < frontier and change < 0 then
    counts.frontiers[class], counts.open[class] = level, 1
    counts.frontier_ranks[class] = fleet.tables_of.ranks[class][level] or math.huge
  end
end

jlmu.rebuild = jlmu.count

-- The rank of sigma(q): the best coordinate that any pool offers; the last rank if all are full. O(classes).
function jlmu.rank(fleet)
  local view = fleet.tables_of.unconfirmed > 0 and read_all(fleet, {}, true) or fleet.counts
  return math.min(fleet.tables_of.last_rank, unpack(view.frontier_ranks))
end
