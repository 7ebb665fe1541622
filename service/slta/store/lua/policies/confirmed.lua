-- Confirmed pools first: while pools are unconfirmed (see `guards`), a placement is decided as if only the others
-- existed, as long as one of those has room. A view is the fleet with the counts of such a decision, kept for a call as
-- `fleet.view`; `masks` has by class the row of unconfirmed pools, nil for a class without, `room` the candidates below
-- capacity, and `stale` the classes whose counts may have changed.

confirmed = {}

-- Counts the candidates of classes anew.
function confirmed.refresh(view)
  local stale = view.stale
  view.stale = {}
  for class_index in pairs(stale) do
    view.room[class_index] = candidates.count_below(view, class_index, view.capacities[class_index])
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

-- The fleet as the next decision on a session of a type sees it while a pool is unconfirmed: the fleet itself unless
-- another one, of a class that the session may use, has room.
-- O(classes * log levels * pools / 8) for the first one of a call, then as much for one class.
function confirmed.view(fleet, type_index)
  fleet.view = fleet.view or open(fleet)
  confirmed.refresh(fleet.view)
  return vectors.sum(session_types.masked(fleet, type_index, fleet.view.room)) > 0 and fleet.view or fleet
end

-- Ends the use of the view of a call.
function confirmed.close(fleet)
  redis.call('DEL', keys.of_fleet(fleet, 'mask'))
  fleet.view = false
end
