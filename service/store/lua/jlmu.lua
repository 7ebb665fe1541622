-- Join the Largest Marginal Utility (paper section 3.1), kept as one frontier per class.
--
-- The frontier of class i is its lowest level that not all of its active pools have reached: the best coordinate
-- that a pool of the class has. `open:<class>` holds the pools at it, all with frontier - 1 sessions; `open_counts[i]`
-- counts them, 0 when the class is full or has no pools.

jlmu = {
  TOKENS = { 'open' },
  CLASS_ROWS = { 'open' },
  FLEET_ROWS = {},
  NUMBERS = {},
  VECTORS = { 'frontiers', 'frontier_ranks', 'open_counts' },
}

-- The rule (eq. 6): the best of the classes' frontiers, then one of its open pools. Token, class position and the
-- pool's number among them. O(classes).
local function choose_jlmu(frontier_ranks, open_counts, draw)
  local best = 0
  for position = 1, #open_counts do
    if open_counts[position] > 0 and (best == 0 or frontier_ranks[position] < frontier_ranks[best]) then
      best = position
    end
  end
  return 'open', best, math.floor(draw * open_counts[best])
end

-- O(classes + log pools).
function jlmu.choose(fleet, draw)
  local token, position, index = choose_jlmu(fleet.frontier_ranks, fleet.open_counts, draw)
  return token, position, rows.select(keys.of_class(fleet, 'open', position), index)
end

local function set_frontier(fleet, position, level)
  fleet.frontiers[position] = level
  if level > fleet.capacities[position] then
    fleet.frontier_ranks[position] = 0
    fleet.open_counts[position] = 0
    redis.call('DEL', keys.of_class(fleet, 'open', position))
  else
    fleet.frontier_ranks[position] = order.rank(fleet, position, level)
  end
end

-- The open row of a class from its frontier: all pools have reached the level before, so those without this one.
local function write_open(fleet, position)
  local level = fleet.frontiers[position]
  if level <= fleet.capacities[position] then
    local key = keys.of_class(fleet, 'open', position)
    rows.minus(key, keys.of_class(fleet, 'active', position), keys.of_level(fleet, position, level))
    fleet.open_counts[position] = rows.count(key)
  end
end

-- The last pool at the frontier moves it one level up: it is there itself.
function jlmu.rose(fleet, position, bit, level)
  if level ~= fleet.frontiers[position] then
    return
  end
  redis.call('SETBIT', keys.of_class(fleet, 'open', position), bit, 0)
  fleet.open_counts[position] = fleet.open_counts[position] - 1
  if fleet.open_counts[position] == 0 then
    set_frontier(fleet, position, level + 1)
    write_open(fleet, position)
  end
end

-- A pool that falls below the frontier becomes the frontier alone. O(1).
function jlmu.fell(fleet, position, bit, level)
  if level > fleet.frontiers[position] then
    return
  end
  local key = keys.of_class(fleet, 'open', position)
  if level < fleet.frontiers[position] then
    set_frontier(fleet, position, level)
    redis.call('DEL', key)
    fleet.open_counts[position] = 0
  end
  redis.call('SETBIT', key, bit, 1)
  fleet.open_counts[position] = fleet.open_counts[position] + 1
end

-- All frontiers and open rows from the ledger. O(classes * log levels * pools / 8).
function jlmu.rebuild(fleet)
  policies.clear_rows(fleet)
  for position = 1, #fleet.numbers do
    if fleet.pool_counts[position] > 0 then
      set_frontier(fleet, position, ledger.frontier(fleet, position))
      write_open(fleet, position)
    end
  end
end

-- The rank of sigma(q): the best coordinate that any pool has; the last rank when all are full.
function jlmu.reported_rank(fleet)
  local best = fleet.last_rank
  for position = 1, #fleet.open_counts do
    if fleet.open_counts[position] > 0 then
      best = math.min(best, fleet.frontier_ranks[position])
    end
  end
  return best
end

-- The audit's rule: pools of a class that are at its frontier are open.
function jlmu.rows(fleet, position)
  local at_frontier = fleet.frontiers[position] - 1
  return { [keys.of_class(fleet, 'open', position)] = function(occupancy)
    return occupancy == at_frontier and occupancy < fleet.capacities[position]
  end }
end

-- Frontiers and their ranks by definition, and counts of open pools. O(classes * log levels * pools / 8).
function jlmu.check(fleet, claim)
  for position, name in ipairs(fleet.class_names) do
    local frontier = fleet.pool_counts[position] > 0 and ledger.frontier(fleet, position) or 0
    local is_open = frontier > 0 and frontier <= fleet.capacities[position]
    claim('frontier of class ' .. name, fleet.frontiers[position], frontier)
    local open = rows.count(keys.of_class(fleet, 'open', position))
    claim('open pools of class ' .. name, fleet.open_counts[position], open)
    local rank = is_open and order.rank(fleet, position, frontier) or 0
    claim("frontier's rank of class " .. name, fleet.frontier_ranks[position], rank)
  end
end
