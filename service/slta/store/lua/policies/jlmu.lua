-- Join the Largest Marginal Utility (paper section 3.1), implemented with one frontier per class.
--
-- The frontier of a class is the lowest level that some of its active pools have not reached: the best coordinate that
-- one of its pools offers. `open:<class>` has the pools at the frontier, all with frontier - 1 sessions;
-- `open[class_index]` is their number, 0 if the class is full or has no pools.

jlmu = {
  TOKENS = { 'open' },
  CLASS_ROWS = { 'open' },
  FLEET_ROWS = {},
  NUMBERS = {},
  VECTORS = { 'frontiers', 'frontier_ranks', 'open' },
}

-- The rule (eq. 6): the best of the classes' frontiers, then one of its open pools. Returns token, class_index, and
-- that the pool is the nth open one, from 0. O(classes).
local function choose_jlmu(frontier_ranks, open_counts, draw)
  local best = 0
  for class_index = 1, #open_counts do
    if open_counts[class_index] > 0 and (best == 0 or frontier_ranks[class_index] < frontier_ranks[best]) then
      best = class_index
    end
  end
  return 'open', best, math.floor(draw * open_counts[best])
end

-- The pool_index of the nth open pool (from 0) of a class. O(log pools).
local function select_open(fleet, class_index, nth)
  if fleet.masks and fleet.masks[class_index] then
    return candidates.select_below(fleet, class_index, fleet.frontiers[class_index], nth)
  end
  return rows.select(keys.of_class(fleet, 'open', class_index), nth)
end

-- With session types the class is the one with the best offer less its price, see `prices`; `unpriced`: with the best
-- offer. O(classes + log pools), O(classes * types) with prices.
function jlmu.choose(fleet, draw, type_index, unpriced)
  if not fleet.types or unpriced then
    local counts = fleet.types and session_types.masked(fleet, type_index, fleet.open) or fleet.open
    local token, class_index, nth = choose_jlmu(fleet.frontier_ranks, counts, draw)
    return token, class_index, select_open(fleet, class_index, nth)
  end
  local class_index = prices.choose(fleet, type_index, fleet.open, fleet.frontiers, fleet.frontier_ranks)
  return 'open', class_index, select_open(fleet, class_index, math.floor(draw * fleet.open[class_index]))
end

-- The frontier of a class of a view, its rank and its candidates. O(log levels * pools / 8).
local function frontier_of(view, class_index)
  if not view.masks[class_index] then
    local fleet = view.fleet
    return fleet.frontiers[class_index], fleet.frontier_ranks[class_index], fleet.open[class_index]
  end
  local level = candidates.frontier(view, class_index)
  if level > view.capacities[class_index] then
    return level, 0, 0
  end
  local rank = tables.number(view, 'ranks', class_index, level)
  return level, rank, candidates.count_below(view, class_index, level)
end

function jlmu.confirm(view, stale)
  view.frontiers = rawget(view, 'frontiers') or {}
  view.frontier_ranks, view.open = rawget(view, 'frontier_ranks') or {}, rawget(view, 'open') or {}
  for class_index in pairs(stale) do
    view.frontiers[class_index], view.frontier_ranks[class_index], view.open[class_index] =
      frontier_of(view, class_index)
  end
end

-- Sets the frontier of a class, and its open row: the active pools that have not reached it. All have reached the level
-- before. O(pools / 8).
local function set_frontier(fleet, class_index, level)
  local key = keys.of_class(fleet, 'open', class_index)
  fleet.frontiers[class_index] = level
  if level > fleet.capacities[class_index] then
    fleet.frontier_ranks[class_index], fleet.open[class_index] = 0, 0
    rows.call('DEL', key)
  else
    fleet.frontier_ranks[class_index] = tables.number(fleet, 'ranks', class_index, level)
    fleet.open[class_index] = rows.write_below(key, fleet, class_index, level)
  end
end

-- A pool that falls below the frontier becomes the only open one; the last open pool that reaches the frontier moves it
-- one level up. O(1), and O(pools / 8) if the frontier rises.
function jlmu.on_change(fleet, class_index, pool_index, level, change)
  local key = keys.of_class(fleet, 'open', class_index)
  if change < 0 and level < fleet.frontiers[class_index] then
    fleet.frontiers[class_index] = level
    fleet.frontier_ranks[class_index] = tables.number(fleet, 'ranks', class_index, level)
    rows.call('DEL', key)
    fleet.open[class_index] = 0
  end
  if level ~= fleet.frontiers[class_index] then
    return
  end
  rows.set(key, pool_index, change < 0 and 1 or 0)
  fleet.open[class_index] = fleet.open[class_index] - change
  if fleet.open[class_index] == 0 then
    set_frontier(fleet, class_index, level + 1)
  end
end

-- Rebuilds all frontiers and open rows from the ledger. O(classes * log levels * pools / 8).
function jlmu.rebuild(fleet)
  policy_tables.clear_rows(fleet)
  for class_index = 1, #fleet.numbers do
    if fleet.pools[class_index] > 0 then
      set_frontier(fleet, class_index, candidates.frontier(fleet, class_index))
    end
  end
end

-- The rank of sigma(q): the best coordinate that any pool offers; the last rank if all are full.
function jlmu.reported_rank(fleet)
  local best = fleet.last_rank
  for class_index = 1, #fleet.open do
    if fleet.open[class_index] > 0 then
      best = math.min(best, fleet.frontier_ranks[class_index])
    end
  end
  return best
end

-- The best of the frontiers; the order may prefer another. O(classes).
function jlmu.best_marginal(fleet, least, type_index)
  local _, best = frontiers.highest(fleet, session_types.masked(fleet, type_index, fleet.open), fleet.frontiers, least)
  return best
end

-- The audit's rule: the pools at the frontier of a class are open.
function jlmu.rows(fleet, class_index)
  local at_frontier = fleet.frontiers[class_index] - 1
  return { [keys.of_class(fleet, 'open', class_index)] = function(occupancy)
    return occupancy == at_frontier and occupancy < fleet.capacities[class_index]
  end }
end

-- Checks frontiers and their ranks by definition, and the counts of open pools. O(classes * log levels * pools / 8).
function jlmu.check(fleet, report)
  for class_index, name in ipairs(fleet.names) do
    local frontier = fleet.pools[class_index] > 0 and candidates.frontier(fleet, class_index) or 0
    local is_open = frontier > 0 and frontier <= fleet.capacities[class_index]
    report:expect_equal('frontier of class ' .. name, fleet.frontiers[class_index], frontier)
    local open = rows.count(keys.of_class(fleet, 'open', class_index))
    report:expect_equal('open pools of class ' .. name, fleet.open[class_index], open)
    local rank = is_open and tables.number(fleet, 'ranks', class_index, frontier) or 0
    report:expect_equal("frontier's rank of class " .. name, fleet.frontier_ranks[class_index], rank)
  end
end
