-- Occupancies: `pools:<class>` and `quiet:<class>`, sorted sets of the numbers of the pools in service by their
-- sessions, `quiet` those that are unconfirmed (see `guards`). The pools below a level are a prefix of a set, in which
-- the order is by sessions, then by number. `with_quiet`: both sets count, the confirmed pools first.

occupancies = {}

local BEYOND = 16384 -- levels beyond the capacity that are counted: a damaged score must not hold the server

local function below(key, level)
  return redis.call('ZCOUNT', key, '-inf', level - 1)
end

-- The pools of a class with fewer than `level` sessions. O(log pools).
function occupancies.count_below(fleet, class, level, with_quiet)
  local all = fleet.tables_of.keys
  return below(all.pools[class], level) + (with_quiet and below(all.quiet[class], level) or 0)
end

-- The number, as text, of the nth of them, from 0. O(log pools).
function occupancies.select_below(fleet, class, level, nth, with_quiet)
  local all = fleet.tables_of.keys
  local key, confirmed = all.pools[class], with_quiet and below(all.pools[class], level) or math.huge
  if nth >= confirmed then
    key, nth = all.quiet[class], nth - confirmed
  end
  return redis.call('ZRANGE', key, nth, nth)[1]
end

-- The pools of all classes below capacity. O(classes * log pools).
function occupancies.room(fleet, with_quiet)
  local room = {}
  for class, capacity in ipairs(fleet.tables_of.capacities) do
    room[class] = occupancies.count_below(fleet, class, capacity, with_quiet)
  end
  return room
end

local function lowest(key)
  return tonumber(redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]) or math.huge
end

-- The lowest level that some pool of a class has not reached, infinite without pools. O(log pools).
function occupancies.frontier(fleet, class, with_quiet)
  local all = fleet.tables_of.keys
  local first = lowest(all.pools[class])
  return (with_quiet and math.min(first, lowest(all.quiet[class])) or first) + 1
end

-- The sessions of a pool in service change by 1 or -1: its new occupancy, as number and as text. An error if it is not
-- in the set, or below 0. O(log pools).
function occupancies.change(fleet, set, class, number, change)
  local score = redis.call('ZADD', fleet.tables_of.keys[set][class], 'XX', 'INCR', change, number)
  local occupancy = tonumber(score)
  if not occupancy or occupancy < 0 then
    error('pool ' .. number .. ' is not in service')
  end
  return occupancy, score
end

-- Calls visit(number, occupancy) for the pools of one of a class's sets. O(pools).
function occupancies.each(fleet, set, class, visit)
  local flat = redis.call('ZRANGE', fleet.tables_of.keys[set][class], 0, -1, 'WITHSCORES')
  for at = 1, #flat, 2 do
    visit(flat[at], tonumber(flat[at + 1]))
  end
end

local function sum(fleet, set, class)
  local total = 0
  occupancies.each(fleet, set, class, function(_, occupancy) total = total + occupancy end)
  return total
end

-- The sessions on pools in service of a class. O(pools).
function occupancies.held(fleet, class)
  return sum(fleet, 'pools', class) + sum(fleet, 'quiet', class)
end

-- The sessions on its other pools. O(pools that are draining, lost or failed, with sessions).
function occupancies.held_elsewhere(fleet, class)
  return sum(fleet, 'leaving', class)
end

-- n*q(i, j) for j = 0, 1, … up to the highest level in use. O(levels in use * log pools).
function occupancies.column(fleet, class)
  local compiled = fleet.tables_of
  local last = compiled.capacities[class] + BEYOND
  local total = compiled.pools[class]
  local column, level = { total }, 1
  repeat
    local count = total - occupancies.count_below(fleet, class, level, compiled.quiet[class] > 0)
    column[#column + 1] = count > 0 and count or nil
    level = level + 1
  until count == 0 or level > last
  return column
end
