-- Join the Largest Marginal Utility (paper section 3.1), kept as one frontier per class.
--
-- The frontier of class i is its lowest level that not all of its active pools have reached: the best coordinate
-- that a pool of the class has. `open:<class>` holds the pools at it, all with frontier - 1 sessions; `open[i]`
-- counts them, 0 when the class is full or has no pools.

jlmu = {}

-- The rule (eq. 6), from one rank and one count per class: class position and the pool's number among the open.
-- O(classes).
local function choose_jlmu(frontier_ranks, open, draw)
  local best = 0
  for position = 1, #open do
    if open[position] > 0 and (best == 0 or frontier_ranks[position] < frontier_ranks[best]) then
      best = position
    end
  end
  return best, math.floor(draw * open[best])
end

-- Token, class position and bit of the pool that `draw` in [0, 1) decides on. O(classes + log pools).
function jlmu.choose(fleet, draw)
  local position, index = choose_jlmu(fleet.frontier_ranks, fleet.open, draw)
  return 'open', position, rows.select(state.class_key(fleet, 'open', position), index)
end

-- JLMU learns nothing.
function jlmu.judge()
  return 0
end

function jlmu.learn() end

local function set_frontier(fleet, position, level)
  fleet.frontiers[position] = level
  if level > fleet.capacities[position] then
    fleet.frontier_ranks[position] = 0
    fleet.open[position] = 0
    redis.call('DEL', state.class_key(fleet, 'open', position))
  else
    fleet.frontier_ranks[position] = order.rank(fleet, position, level)
  end
end

-- The open row of a class from its frontier: all pools have reached the level before, so those without this one.
local function write_open(fleet, position)
  local level = fleet.frontiers[position]
  if level <= fleet.capacities[position] then
    local key = state.class_key(fleet, 'open', position)
    rows.minus(key, state.class_key(fleet, 'active', position), state.level_key(fleet, position, level))
    fleet.open[position] = rows.count(key)
  end
end

-- A pool came to hold `level` sessions. The last one at the frontier moves it one level up: it is there itself.
function jlmu.rose(fleet, position, bit, level)
  if level ~= fleet.frontiers[position] then
    return
  end
  redis.call('SETBIT', state.class_key(fleet, 'open', position), bit, 0)
  fleet.open[position] = fleet.open[position] - 1
  if fleet.open[position] == 0 then
    set_frontier(fleet, position, level + 1)
    write_open(fleet, position)
  end
end

-- A pool no longer holds `level` sessions. Below the frontier it becomes the frontier alone. O(1).
function jlmu.fell(fleet, position, bit, level)
  if level > fleet.frontiers[position] then
    return
  end
  local key = state.class_key(fleet, 'open', position)
  if level < fleet.frontiers[position] then
    set_frontier(fleet, position, level)
    redis.call('DEL', key)
    fleet.open[position] = 0
  end
  redis.call('SETBIT', key, bit, 1)
  fleet.open[position] = fleet.open[position] + 1
end

-- The lowest level that not all active pools have reached; level rows are nested, so by halving.
local function find_frontier(fleet, position)
  local low, high = 0, fleet.capacities[position]
  while low < high do
    local middle = math.ceil((low + high) / 2)
    if rows.count(state.level_key(fleet, position, middle)) == fleet.pools[position] then
      low = middle
    else
      high = middle - 1
    end
  end
  return low + 1
end

function jlmu.clear(fleet)
  for position = 1, #fleet.numbers do
    redis.call('DEL', state.class_key(fleet, 'open', position))
  end
  fleet.frontiers = state.zeros(#fleet.numbers)
  fleet.frontier_ranks, fleet.open = state.zeros(#fleet.numbers), state.zeros(#fleet.numbers)
end

-- All frontiers and open rows from the ledger. O(classes * log levels * pools / 8).
function jlmu.rebuild(fleet)
  jlmu.clear(fleet)
  for position = 1, #fleet.numbers do
    if fleet.pools[position] > 0 then
      set_frontier(fleet, position, find_frontier(fleet, position))
      write_open(fleet, position)
    end
  end
end

-- The rank of sigma(q): the best coordinate that any pool has; the last rank when all are full.
function jlmu.reported_rank(fleet)
  local best = fleet.last_rank
  for position = 1, #fleet.open do
    if fleet.open[position] > 0 then
      best = math.min(best, fleet.frontier_ranks[position])
    end
  end
  return best
end
