-- The uniform choice of a pool from counts per class.

choice = {}

-- Chooses the pool floor(draw * total) of all candidates, numbered class by class without class `excluded` (0 for
-- none): its class_index, and that it is the nth of its class, from 0. Nil without candidates. O(classes).
function choice.pick(counts, excluded, draw)
  local nth = math.floor(draw * (vectors.sum(counts) - (counts[excluded] or 0)))
  for class_index = 1, #counts do
    if class_index ~= excluded then
      if nth < counts[class_index] then
        return class_index, nth
      end
      nth = nth - counts[class_index]
    end
  end
end

-- The number of active pools below capacity, by class, of a fleet or a view (see `confirmed`), as below. O(classes *
-- pools / 8).
function choice.room(fleet)
  local room = {}
  for class_index = 1, #fleet.numbers do
    room[class_index] = candidates.count_below(fleet, class_index, fleet.capacities[class_index])
  end
  return room
end

-- The pool_index of the nth pool (from 0) of a class among those below capacity. O(log pools).
function choice.select_with_room(fleet, class_index, nth)
  return candidates.select_below(fleet, class_index, fleet.capacities[class_index], nth)
end

-- The pool_index of the nth pool (from 0) of a class among those with this token, green or yellow. O(log pools).
function choice.select_with_token(fleet, token, class_index, nth)
  local key = token == 'green' and keys.of_class(fleet, token, class_index) or keys.of_fleet(fleet, token)
  return fleet.masks and candidates.select(fleet, class_index, key, nth) or rows.select(key, nth)
end
