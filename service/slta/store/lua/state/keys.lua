-- Keys of a fleet, and pool numbers.
--
-- A class has an index, its position 1..m in the configuration, and a permanent id, which is part of keys and of pool
-- numbers. A pool's number is 65,536 * (16 + the id of its class) + its place, so that all numbers have seven digits:
-- in a sorted set those of equal score then stand in the order of numbers, and as text they need no formatting.

keys = {}

local FIRST_CLASS = 16 -- 65,536 * 16 has seven digits
local FLEET = constants.FLEET_KEYS
local CLASS = { 'used', 'pools', 'quiet', 'leaving', 'green', 'lost', 'sampled' }

-- The keys of a fleet by name; those of a class as lists by class.
function keys.of_fleet(prefix, class_ids)
  local found = { ids = prefix .. 'ids:', leases = prefix .. 'leases:', past = prefix .. 'past:' }
  for _, name in ipairs(FLEET) do
    found[name] = prefix .. name
  end
  for _, name in ipairs(CLASS) do
    found[name] = {}
    for class, id in ipairs(class_ids) do
      found[name][class] = prefix .. name .. ':' .. id
    end
  end
  return found
end

-- Deletes all keys of a class.
function keys.drop_class(all, class)
  for _, name in ipairs(CLASS) do
    redis.call('UNLINK', all[name][class])
  end
end

-- Deletes all keys of a fleet without pools and sessions. O(classes).
function keys.drop_fleet(all, classes)
  for class = 1, classes do
    keys.drop_class(all, class)
  end
  for _, window in ipairs(constants.WINDOWS) do
    redis.call('UNLINK', all.past .. window)
  end
  for _, name in ipairs(FLEET) do
    redis.call('UNLINK', all[name])
  end
end

-- The number of the pool at place 0 of the class with this id.
function keys.first_number(class_id)
  return constants.MAX_POOLS * (FIRST_CLASS + class_id)
end

-- The id of the class and the place of a number.
function keys.locate(number)
  local place = number % constants.MAX_POOLS
  return (number - place) / constants.MAX_POOLS - FIRST_CLASS, place
end
