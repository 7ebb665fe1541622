-- Uniform choices among pools that are counted by class.

choice = {}

-- Class position and number (from 0) in its class of pool number floor(draw * total), the pools numbered class by class
-- and class `excluded` (0 for none) left out; nil when there are none. O(classes).
function choice.pick(counts, excluded, draw)
  local total = 0
  for position = 1, #counts do
    if position ~= excluded then
      total = total + counts[position]
    end
  end
  local index = math.floor(draw * total)
  for position = 1, #counts do
    if position ~= excluded then
      if index < counts[position] then
        return position, index
      end
      index = index - counts[position]
    end
  end
end

-- How many active pools of each class are below its capacity. O(classes * pools / 8).
function choice.room(fleet)
  local room = {}
  for position = 1, #fleet.numbers do
    local full = keys.of_level(fleet, position, fleet.capacities[position])
    room[position] = fleet.pool_counts[position] - rows.count(full)
  end
  return room
end

-- The bit of pool number `index` (from 0) of those of class `position` that have room. O(log pools).
function choice.bit_with_room(fleet, position, index)
  local full = keys.of_level(fleet, position, fleet.capacities[position])
  return rows.select_between(keys.of_class(fleet, 'active', position), full, index)
end

-- The bit of pool number `index` (from 0) of those of class `position` that have this token, green or yellow.
-- O(log pools).
function choice.bit_with_token(fleet, token, position, index)
  local key = token == 'green' and keys.of_class(fleet, token, position) or keys.of_fleet(fleet, token)
  return rows.select(key, index)
end
