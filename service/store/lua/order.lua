-- The dispatch order: rank <-> (class, level), compiled by the dispatcher for all classes (`order:full`,
-- `bound:full`) and kept without the classes that have no active pools (`order`, `ranks:<class>`, `bound`): the
-- paper assumes that every class has pools, and r would hang for ever at a rank that none can fill.

order = {}

order.ENTRY = 6 -- bytes of an `order` entry: class position (2), level (4)
order.RANK = 5 -- bytes of a `ranks:<class>` entry

-- Class position and level at `rank`.
function order.coordinate(fleet, rank)
  local from = (rank - 1) * order.ENTRY
  local text = redis.call('GETRANGE', fleet.prefix .. 'order', from, from + order.ENTRY - 1)
  return tonumber(string.sub(text, 1, 2)), tonumber(string.sub(text, 3))
end

-- The best coordinate of all classes, with pools or without.
function order.best(fleet)
  local text = redis.call('GETRANGE', fleet.prefix .. 'order:full', 0, order.ENTRY - 1)
  return tonumber(string.sub(text, 1, 2)), tonumber(string.sub(text, 3))
end

-- The rank of (class, level); the class has active pools.
function order.rank(fleet, position, level)
  local from = (level - 1) * order.RANK
  return tonumber(redis.call('GETRANGE', state.class_key(fleet, 'ranks', position), from, from + order.RANK - 1))
end

-- l_i(r), section 3.2: the highest level of the class that ranks better than `rank`, else 0. O(log levels).
function order.threshold(fleet, position, rank)
  if fleet.pools[position] == 0 then
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

-- The live tables from the full ones. O(levels); runs only when a class gains its first or loses its last pool.
function order.rebuild(fleet)
  local full = redis.call('GET', fleet.prefix .. 'order:full')
  local live, ranks = {}, {}
  for position = 1, #fleet.numbers do
    ranks[position] = {}
  end
  for at = 1, #full, order.ENTRY do
    local position = tonumber(string.sub(full, at, at + 1))
    if fleet.pools[position] > 0 then
      live[#live + 1] = string.sub(full, at, at + order.ENTRY - 1)
      table.insert(ranks[position], string.format('%5d', #live))
    end
  end
  redis.call('SET', fleet.prefix .. 'order', table.concat(live))
  for position = 1, #fleet.numbers do
    redis.call('SET', state.class_key(fleet, 'ranks', position), table.concat(ranks[position]))
  end
  fleet.last_rank = #live
  order.rebuild_bound(fleet)
end

function order.rebuild_bound(fleet)
  local full = redis.call('GET', fleet.prefix .. 'bound:full')
  local live = {}
  for at = 1, #full, accounting.ENTRY do
    if fleet.pools[tonumber(string.sub(full, at, at + 1))] > 0 then
      live[#live + 1] = string.sub(full, at, at + accounting.ENTRY - 1)
    end
  end
  redis.call('SET', fleet.prefix .. 'bound', table.concat(live))
end

-- The live rank of (class, level), else of the next worse coordinate that exists, else the last; 0 without pools.
function order.at_or_after(fleet, position, level)
  if fleet.pools[position] > 0 and level <= fleet.capacities[position] then
    return order.rank(fleet, position, level)
  end
  local full = redis.call('GET', fleet.prefix .. 'order:full')
  local found = false
  for at = 1, #full, order.ENTRY do
    local class_here = tonumber(string.sub(full, at, at + 1))
    local level_here = tonumber(string.sub(full, at + 2, at + order.ENTRY - 1))
    found = found or (class_here == position and level_here == level)
    if found and fleet.pools[class_here] > 0 then
      return order.rank(fleet, class_here, level_here)
    end
  end
  return fleet.last_rank
end

-- r*: the rank at which the pools of better coordinates no longer hold all sessions (eq. 5). O(r*).
function order.optimal_rank(fleet)
  local left = fleet.sessions
  for rank = 1, fleet.last_rank do
    left = left - fleet.pools[(order.coordinate(fleet, rank))]
    if left < 0 then
      return rank
    end
  end
  return fleet.last_rank
end
