-- Timers: when a pool's liveness changes next, unless it is heard, and when the guard of a class does a slice of its
-- work. `pool_timers` is a sorted set, scored by fleet time in µs, of pool ids and of "@class id". `pool_due` is a
-- lower bound of them, 0 without timers.

timers = {}

-- Sets timers by member to `due`, false to remove one. O(timers * log timers).
local function write(fleet, added, removed)
  write_buffer.send('ZREM', keys.of_fleet(fleet, 'pool_timers'), removed)
  write_buffer.send('ZADD', keys.of_fleet(fleet, 'pool_timers'), added)
end

local function add(fleet, added, member, due)
  added[#added + 1] = string.format('%.0f', due)
  added[#added + 1] = member
  fleet.pool_due = fleet.pool_due > 0 and math.min(fleet.pool_due, due) or due
end

-- Sets the timers of pools to their `due`, where it is not nil; false removes one. O(pools * log timers).
function timers.set(fleet, found)
  local added, removed = {}, {}
  for _, pool in ipairs(found) do
    if pool.due then
      add(fleet, added, pool.pool_id, pool.due)
    elseif pool.due == false then
      removed[#removed + 1] = pool.pool_id
    end
  end
  write(fleet, added, removed)
end

-- Sets the timer of a class's guard; nil removes it.
function timers.set_guard(fleet, class_index, due)
  timers.set(fleet, { { pool_id = string.format('@%d', fleet.numbers[class_index]), due = due or false } })
end

-- The class_index of a timer of a guard; nil if it is none, or of no class.
function timers.class_of(fleet, member)
  local class_id = string.match(member, '^@(%d+)$')
  return class_id and fleet.index_by_id[tonumber(class_id)]
end

-- The members of at most `count` due timers, the earliest first.
function timers.due(fleet, count)
  local now = string.format('%.0f', fleet.time)
  return redis.call('ZRANGE', keys.of_fleet(fleet, 'pool_timers'), '-inf', now, 'BYSCORE', 'LIMIT', 0, count)
end

-- Whether timers may be due.
function timers.are_due(fleet)
  return fleet.pool_due > 0 and fleet.pool_due <= fleet.time
end

-- The time of the first timer; nil without timers.
local function first(fleet)
  return tonumber(redis.call('ZRANGE', keys.of_fleet(fleet, 'pool_timers'), 0, 0, 'WITHSCORES')[2])
end

-- Whether a timer is due. O(1).
function timers.is_late(fleet)
  return timers.are_due(fleet) and (first(fleet) or math.huge) <= fleet.time
end

-- Sets `pool_due` to the first timer. O(log timers).
function timers.find_due(fleet)
  fleet.pool_due = first(fleet) or 0
end
