-- The dispatch order: rank <-> (class, level), compiled by the dispatcher for all classes (`order:full`) and kept
-- without the classes that have no active pools (`order`, `ranks:<class>`): the paper assumes that every class has
-- pools, and r would hang for ever at a rank that none can fill.

order = {}

-- Class position and level of the entry at byte `at` (from 1) of an order's text.
local function entry(text, at)
  local level_at = at + constants.CLASS_BYTES
  local last = at + constants.ORDER_BYTES - 1
  return tonumber(string.sub(text, at, level_at - 1)), tonumber(string.sub(text, level_at, last))
end

-- Class position and level at `rank`.
function order.coordinate(fleet, rank)
  local class = fleet.rank_classes[rank]
  if not class then
    local from = (rank - 1) * constants.ORDER_BYTES
    local text = redis.call('GETRANGE', keys.of_fleet(fleet, 'order'), from, from + constants.ORDER_BYTES - 1)
    class, fleet.rank_levels[rank] = entry(text, 1)
    fleet.rank_classes[rank] = class
  end
  return class, fleet.rank_levels[rank]
end

-- The best coordinate of all classes, with pools or without.
function order.best(fleet)
  return entry(redis.call('GETRANGE', keys.of_fleet(fleet, 'order:full'), 0, constants.ORDER_BYTES - 1), 1)
end

-- The rank of (class, level); the class has active pools.
function order.rank(fleet, position, level)
  local place = position * constants.MAX_LEVELS + level
  local rank = fleet.ranks[place]
  if not rank then
    local from = (level - 1) * constants.RANK_BYTES
    local to = from + constants.RANK_BYTES - 1
    rank = tonumber(redis.call('GETRANGE', keys.of_class(fleet, 'ranks', position), from, to))
    fleet.ranks[place] = rank
  end
  return rank
end

-- l_i(r), section 3.2: the highest level of the class that ranks better than `rank`, else 0. O(log levels).
function order.threshold(fleet, position, rank)
  if fleet.pool_counts[position] == 0 then
    return 0
  end
  local low, high = 0, fleet.capacities[position]
  while low < high do
    local middle = math.ceil((low + high) / 2)
    if order.rank(fleet, position, middle) < rank then
      low = middle
    else
      high = middle - 1
    end
  end
  return low
end

-- The live order from the full one; runs when a class gains its first or loses its last pool. O(levels).
function order.rebuild(fleet)
  local full = redis.call('GET', keys.of_fleet(fleet, 'order:full'))
  local rank_format = '%' .. constants.RANK_BYTES .. 'd'
  local live, ranks = {}, {}
  for position = 1, #fleet.numbers do
    ranks[position] = {}
  end
  vectors.each_entry(full, constants.ORDER_BYTES, fleet.pool_counts, function(position, text)
    live[#live + 1] = text
    ranks[position][#ranks[position] + 1] = string.format(rank_format, #live)
  end)
  redis.call('SET', keys.of_fleet(fleet, 'order'), table.concat(live))
  for position = 1, #fleet.numbers do
    redis.call('SET', keys.of_class(fleet, 'ranks', position), table.concat(ranks[position]))
  end
  fleet.last_rank = #live
end

-- The live rank of (class, level), else of the next worse coordinate that exists, else the last; 0 without pools.
function order.at_or_after(fleet, position, level)
  if fleet.pool_counts[position] > 0 and level <= fleet.capacities[position] then
    return order.rank(fleet, position, level)
  end
  local full = redis.call('GET', keys.of_fleet(fleet, 'order:full'))
  local found = false
  for at = 1, #full, constants.ORDER_BYTES do
    local class_here, level_here = entry(full, at)
    found = found or (class_here == position and level_here == level)
    if found and fleet.pool_counts[class_here] > 0 then
      return order.rank(fleet, class_here, level_here)
    end
  end
  return fleet.last_rank
end

-- r*: the rank at which the pools of better coordinates no longer hold all sessions (eq. 5). O(r*).
function order.optimal_rank(fleet)
  local left = fleet.session_count
  for rank = 1, fleet.last_rank do
    left = left - fleet.pool_counts[(order.coordinate(fleet, rank))]
    if left < 0 then
      return rank
    end
  end
  return fleet.last_rank
end
