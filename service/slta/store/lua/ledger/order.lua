-- The dispatch order: rank <-> (class_index, level). The dispatcher compiles it for all classes (`order:full`); the
-- live order (`order`, `ranks:<class>`) omits classes without active pools. The paper assumes that every class has
-- pools, and r would get stuck at a rank that no pool can fill.

order = {}

-- The best coordinate of all classes, including those without pools.
function order.best(fleet)
  return tables.parse('order', tables.read('order', keys.of_fleet(fleet, 'order:full'), 1), 1)
end

-- l_i(r), section 3.2: the highest level of the class that ranks better than `rank`, else 0. O(log levels).
function order.threshold(fleet, class_index, rank)
  local last = fleet.pools[class_index] > 0 and fleet.capacities[class_index] or 0
  return tables.highest(last, function(level)
    return tables.number(fleet, 'ranks', class_index, level) < rank
  end)
end

local rank_texts = {} -- by rank; at most MAX_LEVELS

local function rank_text(rank)
  local text = rank_texts[rank]
  if not text then
    text = string.format('%' .. constants.BYTES.ranks .. 'd', rank)
    rank_texts[rank] = text
  end
  return text
end

-- The live order from the full one: pairs of a key and its text, `order` and the ranks of each class; also the last
-- rank. O(levels).
function order.live(fleet)
  local text, classes = tables.live(fleet, 'order')
  local texts, ranks = { { keys.of_fleet(fleet, 'order'), text } }, {}
  for class_index = 1, #fleet.numbers do
    ranks[class_index] = {}
  end
  for rank, class_index in ipairs(classes) do
    ranks[class_index][#ranks[class_index] + 1] = rank_text(rank)
  end
  for class_index = 1, #fleet.numbers do
    texts[#texts + 1] = { keys.of_class(fleet, 'ranks', class_index), table.concat(ranks[class_index]) }
  end
  return texts, #classes
end

-- The same of the live bound.
function order.live_bound(fleet)
  return { { keys.of_fleet(fleet, 'bound'), (tables.live(fleet, 'bound')) } }
end

-- Rebuilds both after a class gained its first or lost its last pool. O(levels).
function order.rebuild(fleet)
  local texts, last = order.live(fleet)
  codec.append(texts, #texts, order.live_bound(fleet))
  for _, text in ipairs(texts) do
    redis.call('SET', text[1], text[2])
  end
  fleet.last_rank = last
end

-- The live rank of (class_index, level), else of the next worse coordinate that exists, else the last rank; 0 without
-- pools.
function order.at_or_after(fleet, class_index, level)
  if fleet.pools[class_index] > 0 and level <= fleet.capacities[class_index] then
    return tables.number(fleet, 'ranks', class_index, level)
  end
  local full = redis.call('GET', keys.of_fleet(fleet, 'order:full'))
  local found = false
  for nth = 1, #full / constants.BYTES.order do
    local class_here, level_here = tables.parse('order', full, nth)
    found = found or (class_here == class_index and level_here == level)
    if found and fleet.pools[class_here] > 0 then
      return tables.number(fleet, 'ranks', class_here, level_here)
    end
  end
  return fleet.last_rank
end

-- r*: the first rank at which the pools of better coordinates cannot hold all sessions (eq. 5). O(r*).
function order.optimal_rank(fleet)
  local left = fleet.sessions
  for rank = 1, fleet.last_rank do
    left = left - fleet.pools[(tables.entry(fleet, 'order', rank))]
    if left < 0 then
      return rank
    end
  end
  return fleet.last_rank
end
