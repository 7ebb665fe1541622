-- The mass-loss guard of a class. When the leases of more than a third of its pools, and of at least LEAST, run out
-- within one lease, the network or this service is the likely cause. Then pools whose lease has run out stay in service
-- as unconfirmed ones, also those lost within that lease, and no pool of the class becomes gone.
--
-- It is over once half of the unconfirmed pools have sent a heartbeat, and two leases later the others are lost; or an
-- operator ends it, and they are lost at once. `unconfirmed:<class>` is the row of unconfirmed pools, `unconfirmed` the
-- number of those of all classes. `lost:<class>` has the pools lost since the last lease, by fleet time. A timer of the
-- class does the work in slices: brings back lost pools, or marks unconfirmed ones lost.

guards = {}

local LEAST = 3 -- pools that a mass loss has at least
local SHARE = 3 -- it is more than one in SHARE
local LEASES = 2 -- leases for which silent pools stay after the guard is over
local MAX_POOLS = 256 -- pools that one call moves

-- Whether no pool of the class becomes gone.
function guards.is_on(fleet, class_index)
  liveness.load(fleet)
  return fleet.guard[class_index] == liveness.ON
end

-- Of pools lost more than `ttl` ago none counts; returns the number of the others. O(log pools).
local function prune(fleet, class_index, ttl)
  local key = pool_changes.lost_key(fleet, class_index)
  local old = redis.call('ZCOUNT', key, '-inf', string.format('%.0f', fleet.time - ttl))
  if old > 0 then
    redis.call('ZREMRANGEBYRANK', key, 0, old - 1)
  end
  return redis.call('ZCARD', key)
end

-- Sets the guard of a class, and the pools that became unconfirmed; none of them was heard.
local function set(fleet, class_index, guard, count)
  fleet.guard[class_index], fleet.guard_pools[class_index] = guard, count
  fleet.guard_heard[class_index], fleet.guard_ttl[class_index] = 0, 0
end

local function begin(fleet, class_index, lost, found)
  local count = fleet.pools_unconfirmed[class_index] + lost
  set(fleet, class_index, liveness.ON, count)
  timers.set_guard(fleet, class_index, lost > 0 and fleet.time or nil)
  events.note(fleet, 'begin_guard', found, count + #found)
end

-- A repair has found an unconfirmed pool: the guard goes on, and none of its pools was heard.
function guards.resume(fleet, pool)
  fleet.guard[pool.class_index] = liveness.ON
  liveness.add_unconfirmed(fleet, pool)
end

-- Whether pools of a class in service, whose lease has run out, become unconfirmed rather than lost. O(log pools).
function guards.protect(fleet, class_index, found)
  local ttl = 0
  for _, pool in ipairs(found) do
    ttl = math.max(ttl, pool.lease.ttl)
  end
  if not guards.is_on(fleet, class_index) then
    local lost = prune(fleet, class_index, ttl)
    local losing = lost + #found
    local heard = fleet.pools_alive[class_index] + fleet.pools_unconfirmed[class_index]
    if losing < LEAST or losing * SHARE <= heard + lost then
      return false
    end
    begin(fleet, class_index, lost, found)
  end
  return true
end

-- Remembers pools of a class that are lost now.
function guards.remember(fleet, class_index, found)
  pool_records.add_by_time(fleet, pool_changes.lost_key(fleet, class_index), found)
end

-- Brings back pools that were lost within the lease in which the guard began. O(MAX_POOLS + pools / 8).
local function bring_back(fleet, class_index)
  local key, returning = pool_changes.lost_key(fleet, class_index), {}
  local ids = redis.call('ZRANGE', key, 0, MAX_POOLS - 1)
  for _, pool in ipairs(pool_records.read(fleet, ids)) do
    if pool.status == 'active' and pool.lease and pool.lease.liveness == 'lost' then
      transitions.mark_unconfirmed(pool, fleet.time)
      returning[#returning + 1] = pool
    end
  end
  pool_changes.apply(fleet, returning)
  local others = ids[1] and redis.call('ZREM', key, unpack(ids)) or 0
  fleet.guard_pools[class_index] = fleet.guard_pools[class_index] - others
  return redis.call('EXISTS', key) == 1
end

-- Unconfirmed pools are lost. O(MAX_POOLS + pools / 8).
local function expire_unconfirmed(fleet, class_index)
  local found = pool_records.read(fleet, pool_rows.ids(fleet, 'unconfirmed', class_index, MAX_POOLS))
  cold.load(fleet, 'gone')
  for _, pool in ipairs(found) do
    transitions.lose(pool, fleet.gone, fleet.time)
  end
  pool_changes.apply(fleet, found)
  return fleet.pools_unconfirmed[class_index] > 0
end

-- Does a slice of the work of the first guard whose timer is due. O(MAX_POOLS + pools / 8).
function guards.run(fleet)
  local class_index = fleet.due.guard[1]
  if not class_index then
    return
  end
  local remains = guards.is_on(fleet, class_index) and bring_back(fleet, class_index)
    or fleet.guard[class_index] == liveness.OVER and expire_unconfirmed(fleet, class_index)
  if not remains then
    timers.set_guard(fleet, class_index)
  end
end

-- The guard is over; its unconfirmed pools are lost at fleet time `due`, and lost ones do not return.
local function conclude(fleet, class_index, due)
  fleet.guard[class_index] = liveness.OVER
  redis.call('DEL', pool_changes.lost_key(fleet, class_index))
  timers.set_guard(fleet, class_index, due)
end

-- Ends the guard of a class if half of the pools were heard or no unconfirmed one is left. O(1).
local function end_if_over(fleet, class_index)
  local guard, unconfirmed = fleet.guard[class_index], fleet.pools_unconfirmed[class_index]
  local is_half = fleet.guard_heard[class_index] * 2 >= fleet.guard_pools[class_index]
  if guard == liveness.ON and unconfirmed > 0 and is_half then
    conclude(fleet, class_index, fleet.time + LEASES * fleet.guard_ttl[class_index])
  elseif guard ~= liveness.OFF and unconfirmed == 0 then
    set(fleet, class_index, liveness.OFF, 0)
    redis.call('DEL', pool_changes.lost_key(fleet, class_index), keys.of_class(fleet, 'unconfirmed', class_index))
    timers.set_guard(fleet, class_index)
    events.note(fleet, 'end_guard', { { class_index = class_index } }, 0)
  end
end

-- Ends guards that are over. O(classes).
function guards.settle(fleet)
  for class_index = 1, fleet.classes do
    end_if_over(fleet, class_index)
  end
end

-- Ends the guards of these classes; returns their names, and the number of their unconfirmed pools.
local function finish_all(fleet, chosen)
  local names, count = {}, 0
  liveness.load(fleet)
  for class_index, name in ipairs(fleet.names) do
    if (not chosen or chosen == class_index) and fleet.guard[class_index] ~= liveness.OFF then
      conclude(fleet, class_index, fleet.time)
      names[#names + 1], count = name, count + fleet.pools_unconfirmed[class_index]
    end
  end
  return names, count
end

-- author, pool_class ('' for all): an operator ends the guard
--   -> {GUARDED, names of the classes whose guard was on} | {UNKNOWN_CLASS, name}, and the event's text, '' if none.
-- Ticks mark the pools lost. O(classes).
function guards.finish(fleet, given)
  local name = given.pool_class
  local chosen = name ~= '' and vectors.index(fleet.names, name)
  if name ~= '' and not chosen then
    return { 'UNKNOWN_CLASS', name }, ''
  end
  local event = events.begin('end_guard', fleet, fleet.clock, given.author)
  local names, count = finish_all(fleet, chosen)
  local reply = { 'GUARDED', unpack(names) }
  event.pools = names[1] and count
  event.before = names[1] and { pool_class = not names[2] and names[1] or nil, status = 'active' }
  return reply, events.close(fleet, event, reply)
end
