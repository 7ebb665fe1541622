-- Timers: when something becomes of a pool unless it is heard, or is told otherwise, and when the guard of a class does
-- a slice of its work. `timers` is a sorted set, scored by fleet time in µs, of the pool ids of leases, of
-- "drain@<pool id>" and of "guard@<class id>". `pool_due` is a lower bound of them, 0 without timers.

timers = {}

local MAX_DUE = 256 -- timers that one tick processes

local function add(fleet, added, member, due)
  added[#added + 1] = string.format('%.0f', due)
  added[#added + 1] = member
  fleet.pool_due = fleet.pool_due > 0 and math.min(fleet.pool_due, due) or due
end

-- Sets the timers of pools: that of the lease to `due`, that of the drain to `drain_due`; false removes one, nil keeps
-- it. O(pools * log timers).
function timers.set(fleet, found)
  local added, removed = {}, {}
  for _, pool in ipairs(found) do
    if pool.due then
      add(fleet, added, pool.pool_id, pool.due)
    elseif pool.due == false then
      removed[#removed + 1] = pool.pool_id
    end
    if pool.drain_due then
      add(fleet, added, 'drain@' .. pool.pool_id, pool.drain_due)
    elseif pool.drain_due == false then
      removed[#removed + 1] = 'drain@' .. pool.pool_id
    end
  end
  commands.send('ZREM', fleet.tables_of.keys.timers, removed)
  commands.send('ZADD', fleet.tables_of.keys.timers, added)
end

-- Sets the timer of a class's guard; nil removes it.
function timers.set_guard(fleet, class, due)
  timers.set(fleet, { { pool_id = string.format('guard@%d', fleet.tables_of.ids[class]), due = due or false } })
end

-- The kind of a timer, and the pool id, or the class of a guard; nil if it is none.
function timers.parse(fleet, member)
  local kind, id = string.match(member, '^(%a+)@(.+)$')
  if kind == 'guard' then
    local class = fleet.tables_of.index_by_id[tonumber(id)]
    return class and kind, class
  end
  return kind == nil and 'lease' or kind == 'drain' and kind or nil, id or member
end

-- Reads timers that are due, the earliest first, to `fleet.due`: by kind what they are of. Drops any that is none.
function timers.open(fleet)
  fleet.due = { lease = {}, drain = {}, guard = {} }
  local now = string.format('%.0f', fleet.time)
  local found = redis.call('ZRANGE', fleet.tables_of.keys.timers, '-inf', now, 'BYSCORE', 'LIMIT', 0, MAX_DUE)
  for _, member in ipairs(found) do
    local kind, id = timers.parse(fleet, member)
    if kind then
      table.insert(fleet.due[kind], id)
    else
      redis.call('ZREM', fleet.tables_of.keys.timers, member)
    end
  end
end

-- The pools whose timers of a kind are due. `field`, their timer, is false, so that it is dropped unless it is set.
function timers.due_pools(fleet, kind, field)
  local found = pool_records.read(fleet, fleet.due[kind])
  for _, pool in ipairs(found) do
    pool[field] = false
  end
  return found
end

-- Whether timers may be due.
function timers.are_due(fleet)
  return fleet.pool_due > 0 and fleet.pool_due <= fleet.time
end

-- The time of the first timer; nil without timers.
local function first(fleet)
  return tonumber(redis.call('ZRANGE', fleet.tables_of.keys.timers, 0, 0, 'WITHSCORES')[2])
end

-- Whether a timer is due. O(1).
function timers.is_late(fleet)
  return timers.are_due(fleet) and (first(fleet) or math.huge) <= fleet.time
end

-- Sets `pool_due` to the first timer. O(log timers).
function timers.find_due(fleet)
  fleet.pool_due = first(fleet) or 0
end
