-- Candidates of a decision: all active pools, or of a view the confirmed ones, see `confirmed`.

candidates = {}

-- The number of pools in a row of a view's class without unconfirmed ones; `key` is a row of active pools.
function candidates.count(view, class_index, key)
  local mask = view.masks and view.masks[class_index]
  if not mask then
    return rows.count(key)
  end
  local without = keys.of_fleet(view, 'mask')
  rows.call('BITOP', 'AND', without, key, mask)
  return rows.count(key) - rows.count(without)
end

-- The pool_index of the nth of these pools (from 0), of a view only. O(log pools).
function candidates.select(view, class_index, key, nth)
  local mask = view.masks[class_index]
  if not mask then
    return rows.select(key, nth)
  end
  local without = keys.of_fleet(view, 'mask')
  rows.call('BITOP', 'AND', without, key, mask)
  return rows.select_between(key, without, nth)
end

-- The row of the pools of a class that are no candidates below a level: those that have reached it, and unconfirmed
-- ones.
local function excluded(view, class_index, level)
  local row, mask = keys.of_level(view, class_index, level), view.masks and view.masks[class_index]
  if not mask then
    return row
  end
  local key = keys.of_fleet(view, 'mask')
  rows.call('BITOP', 'AND', key, mask, keys.of_class(view, 'active', class_index)) -- some may be draining
  rows.call('BITOP', 'OR', key, key, row)
  return key
end

-- The number of candidates of a class below a level.
function candidates.count_below(view, class_index, level)
  return view.pools[class_index] - rows.count(excluded(view, class_index, level))
end

-- The pool_index of the nth of them (from 0). O(log pools).
function candidates.select_below(view, class_index, level, nth)
  local active = keys.of_class(view, 'active', class_index)
  return rows.select_between(active, excluded(view, class_index, level), nth)
end

-- The lowest level that some candidate of a class has not reached, of a fleet some active pool; beyond the capacity if
-- there is none. Level rows are nested. O(log levels * pools / 8).
function candidates.frontier(view, class_index)
  return 1 + tables.highest(view.capacities[class_index], function(level)
    return candidates.count_below(view, class_index, level) == 0
  end)
end

-- An occupancy or a token of a class changes.
function candidates.touch(fleet, class_index)
  if fleet.view then
    fleet.view.stale[class_index] = true
  end
end
