-- Confirmed pools first: while pools are unconfirmed (see `guards`), a placement is decided as if only the others
-- existed, as long as one of those has room. A view is the fleet with the counts of such a decision, kept for a call as
-- `fleet.view`; `masks` has by class the row of unconfirmed pools, nil for a class without, `room` the candidates below
-- capacity, and `stale` the classes whose counts may have changed.

confirmed = {}

-- The number of pools in a row of a view's class without unconfirmed ones; `key` is a row of active pools.
function confirmed.count(view, class_index, key)
  local mask = view.masks and view.masks[class_index]
  if not mask then
    return rows.count(key)
  end
  local without = keys.of_fleet(view, 'mask')
  redis.call('BITOP', 'AND', without, key, mask)
  return rows.count(key) - rows.count(without)
end

-- The pool_index of the nth of these pools (from 0), of a view only. O(log pools).
function confirmed.select(view, class_index, key, nth)
  local mask = view.masks[class_index]
  if not mask then
    return rows.select(key, nth)
  end
  local without = keys.of_fleet(view, 'mask')
  redis.call('BITOP', 'AND', without, key, mask)
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
  redis.call('BITOP', 'AND', key, mask, keys.of_class(view, 'active', class_index)) -- some may be draining
  redis.call('BITOP', 'OR', key, key, row)
  return key
end

-- The number of candidates of a class below a level.
function confirmed.count_below(view, class_index, level)
  return view.pools[class_index] - rows.count(excluded(view, class_index, level))
end

-- The pool_index of the nth of them (from 0). O(log pools).
function confirmed.select_below(view, class_index, level, nth)
  local active = keys.of_class(view, 'active', class_index)
  return rows.select_between(active, excluded(view, class_index, level), nth)
end

-- The lowest level that some candidate of a class has not reached, of a fleet some active pool; beyond the capacity if
-- there is none. Level rows are nested. O(log levels * pools / 8).
function confirmed.frontier(view, class_index)
  return 1 + tables.highest(view.capacities[class_index], function(level)
    return confirmed.count_below(view, class_index, level) == 0
  end)
end

-- Counts the candidates of classes anew.
function confirmed.refresh(view)
  local stale = view.stale
  view.stale = {}
  for class_index in pairs(stale) do
    view.room[class_index] = confirmed.count_below(view, class_index, view.capacities[class_index])
  end
  policies.call(view, 'confirm', stale)
end

local function open(fleet)
  local view = { fleet = fleet, masks = {}, room = {}, stale = {} }
  for class_index = 1, #fleet.numbers do
    local row = keys.of_class(fleet, 'unconfirmed', class_index)
    view.masks[class_index] = redis.call('EXISTS', row) == 1 and row or nil
    view.stale[class_index] = true
  end
  return setmetatable(view, { __index = fleet })
end

-- The fleet as the next decision on a kind of session sees it while a pool is unconfirmed: the fleet itself unless
-- another one, of a class that the session may use, has room.
-- O(classes * log levels * pools / 8) for the first one of a call, then as much for one class.
function confirmed.view(fleet, kind)
  fleet.view = fleet.view or open(fleet)
  confirmed.refresh(fleet.view)
  return vectors.sum(session_types.masked(fleet, kind, fleet.view.room)) > 0 and fleet.view or fleet
end

-- An occupancy or a token of a class changes.
function confirmed.touch(fleet, class_index)
  if fleet.view then
    fleet.view.stale[class_index] = true
  end
end

-- Ends the use of the view of a call.
function confirmed.close(fleet)
  redis.call('DEL', keys.of_fleet(fleet, 'mask'))
  fleet.view = false
end
