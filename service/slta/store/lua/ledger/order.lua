-- The dispatch order: rank <-> (class_index, level). The dispatcher compiles it for all classes (`order:full`); the
-- live order (`order`, `ranks:<class>`) omits classes without active pools. The paper assumes that every class has
-- pools, and r would get stuck at a rank that no pool can fill.

order = {}

-- The class_index and level at `rank`.
function order.coordinate(fleet, rank)
  return tables.entry(fleet, 'order', rank)
end

-- The best coordinate of all classes, including those without pools.
function order.best(fleet)
  return tables.parse('order', tables.read('order', keys.of_fleet(fleet, 'order:full'), 1), 1)
end

-- The rank of (class_index, level); the class must have active pools.
function order.rank(fleet, class_index, level)
  return tables.number(fleet, 'ranks', class_index, level)
end

-- l_i(r), section 3.2: the highest level of the class that ranks better than `rank`, else 0. O(log levels).
function order.threshold(fleet, class_index, rank)
  if fleet.pools[class_index] == 0 then
    return 0
  end
  local low, high = 0, fleet.capacities[class_index]
  while low < high do
    local middle = math.ceil((low + high) / 2)
    if order.rank(fleet, class_index, middle) < rank then
      low = middle
    else
      high = middle - 1
    end
  end
  return low
end

-- The live order from the full one: pairs of a key and its text, `order` and the ranks of each class; also the last
-- rank. O(levels).
function order.live(fleet, full)
  local rank_format = '%' .. constants.BYTES.ranks .. 'd'
  local live, ranks = {}, {}
  for class_index = 1, #fleet.numbers do
    ranks[class_index] = {}
  end
  tables.each_live(fleet, 'order', full, function(class_index, text)
    live[#live + 1] = text
    ranks[class_index][#ranks[class_index] + 1] = string.format(rank_format, #live)
  end)
  local texts = { { keys.of_fleet(fleet, 'order'), table.concat(live) } }
  for class_index = 1, #fleet.numbers do
    texts[#texts + 1] = { keys.of_class(fleet, 'ranks', class_index), table.concat(ranks[class_index]) }
  end
  return texts, #live
end

-- Rebuilds the live order after a class gained its first or lost its last pool. O(levels).
function order.rebuild(fleet)
  local texts, last = order.live(fleet, redis.call('GET', keys.of_fleet(fleet, 'order:full')))
  for _, text in ipairs(texts) do
    redis.call('SET', text[1], text[2])
  end
  fleet.last_rank = last
end

-- The live rank of (class_index, level), else of the next worse coordinate that exists, else the last rank; 0 without
-- pools.
function order.at_or_after(fleet, class_index, level)
  if fleet.pools[class_index] > 0 and level <= fleet.capacities[class_index] then
    return order.rank(fleet, class_index, level)
  end
  local full = redis.call('GET', keys.of_fleet(fleet, 'order:full'))
  local found = false
  for nth = 1, #full / constants.BYTES.order do
    local class_here, level_here = tables.parse('order', full, nth)
    found = found or (class_here == class_index and level_here == level)
    if found and fleet.pools[class_here] > 0 then
      return order.rank(fleet, class_here, level_here)
    end
  end
  return fleet.last_rank
end

-- r*: the first rank at which the pools of better coordinates cannot hold all sessions (eq. 5). O(r*).
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
