-- The mass-loss guard of a class. When the leases of more than a third of its pools, and of at least LEAST, run out
-- within one lease, the network or this service is the likely cause. Then pools whose lease has run out stay in service
-- as unconfirmed ones, in the sorted set `quiet`, also those lost within that lease, and no pool of the class becomes
-- gone.
--
-- It is over once half of the unconfirmed pools have sent a heartbeat, and two leases later the others are lost; or an
-- operator ends it, and they are lost at once. `lost:<class>` has the pools lost since the last lease, by fleet time. A
-- timer of the class does the work in slices: brings back lost pools, or marks unconfirmed ones lost.

guards = {}

local LEAST = 3 -- pools that a mass loss has at least
local SHARE = 3 -- it is more than one in SHARE
local LEASES = 2 -- leases for which silent pools stay after the guard is over
local MAX_POOLS = 256 -- pools that one call moves

-- Whether no pool of the class becomes gone.
function guards.is_on(fleet, class)
  return fleet.guard[class] == pool_sets.ON
end

-- Of pools lost more than `ttl` ago none counts; returns the number of the others. O(log pools).
local function prune(fleet, class, ttl)
  local key = fleet.tables_of.keys.lost[class]
  local old = redis.call('ZCOUNT', key, '-inf', string.format('%.0f', fleet.time - ttl))
  if old > 0 then
    redis.call('ZREMRANGEBYRANK', key, 0, old - 1)
  end
  return redis.call('ZCARD', key)
end

-- Sets the guard of a class, and the pools that became unconfirmed; none of them was heard.
local function set(fleet, class, guard, count)
  state.set(fleet, 'guard', class, guard)
  state.set(fleet, 'guard_pools', class, count)
  state.set(fleet, 'guard_heard', class, 0)
  state.set(fleet, 'guard_ttl', class, 0)
end

local function begin(fleet, class, lost, found)
  local count = fleet.tables_of.quiet[class] + lost
  set(fleet, class, pool_sets.ON, count)
  timers.set_guard(fleet, class, lost > 0 and fleet.time or nil)
  events.note(fleet, 'begin_guard', found, count + #found)
end

-- Whether pools of a class in service, whose lease has run out, become unconfirmed rather than lost. O(log pools).
function guards.protect(fleet, class, found)
  local ttl = 0
  for _, pool in ipairs(found) do
    ttl = math.max(ttl, pool.lease.ttl)
  end
  if not guards.is_on(fleet, class) then
    local lost = prune(fleet, class, ttl)
    local losing = lost + #found
    local heard = fleet.pools_alive[class] + fleet.tables_of.quiet[class]
    if losing < LEAST or losing * SHARE <= heard + lost then
      return false
    end
    begin(fleet, class, lost, found)
  end
  return true
end

-- Remembers pools of a class that are lost now.
function guards.remember(fleet, class, found)
  pool_records.add_by_time(fleet, fleet.tables_of.keys.lost[class], found)
end

-- Brings back pools that were lost within the lease in which the guard began. O(MAX_POOLS + pools / 8).
local function bring_back(fleet, class)
  local key, returning = fleet.tables_of.keys.lost[class], {}
  local ids = redis.call('ZRANGE', key, 0, MAX_POOLS - 1)
  for _, pool in ipairs(pool_records.read(fleet, ids)) do
    if pool.status == 'active' and pool.lease and pool.lease.liveness == 'lost' then
      transitions.mark_unconfirmed(pool, fleet.time)
      returning[#returning + 1] = pool
    end
  end
  pool_sets.apply(fleet, returning)
  local others = ids[1] and redis.call('ZREM', key, unpack(ids)) or 0
  state.add(fleet, 'guard_pools', class, -others)
  return redis.call('EXISTS', key) == 1
end

-- Unconfirmed pools are lost. O(MAX_POOLS + pools / 8).
local function expire_unconfirmed(fleet, class)
  local numbers = redis.call('ZRANGE', fleet.tables_of.keys.quiet[class], 0, MAX_POOLS - 1)
  local found = pool_records.read(fleet, pool_records.names(fleet, numbers))
  for _, pool in ipairs(found) do
    transitions.lose(pool, fleet.tables_of.gone, fleet.time)
  end
  pool_sets.apply(fleet, found)
  return fleet.tables_of.quiet[class] > 0
end

-- Does a slice of the work of the first guard whose timer is due. O(MAX_POOLS + pools / 8).
function guards.run(fleet)
  local class = fleet.due.guard[1]
  if not class then
    return
  end
  local remains = guards.is_on(fleet, class) and bring_back(fleet, class)
    or fleet.guard[class] == pool_sets.OVER and expire_unconfirmed(fleet, class)
  if not remains then
    timers.set_guard(fleet, class)
  end
end

-- The guard is over; its unconfirmed pools are lost at fleet time `due`, and lost ones do not return.
local function conclude(fleet, class, due)
  state.set(fleet, 'guard', class, pool_sets.OVER)
  redis.call('DEL', fleet.tables_of.keys.lost[class])
  timers.set_guard(fleet, class, due)
end

-- Ends the guard of a class if half of the pools were heard or no unconfirmed one is left. O(1).
local function end_if_over(fleet, class)
  local guard, unconfirmed = fleet.guard[class], fleet.tables_of.quiet[class]
  local is_half = fleet.guard_heard[class] * 2 >= fleet.guard_pools[class]
  if guard == pool_sets.ON and unconfirmed > 0 and is_half then
    conclude(fleet, class, fleet.time + LEASES * fleet.guard_ttl[class])
  elseif guard ~= pool_sets.OFF and unconfirmed == 0 then
    set(fleet, class, pool_sets.OFF, 0)
    redis.call('DEL', fleet.tables_of.keys.lost[class])
    timers.set_guard(fleet, class)
    events.note(fleet, 'end_guard', { { class = class } }, 0)
  end
end

-- Ends guards that are over. O(classes).
function guards.settle(fleet)
  for class = 1, #fleet.tables_of.names do
    end_if_over(fleet, class)
  end
end

-- Ends the guards of these classes; returns their names, and the number of their unconfirmed pools.
local function finish_all(fleet, chosen)
  local names, count = {}, 0
  for class, name in ipairs(fleet.tables_of.names) do
    if (not chosen or chosen == class) and fleet.guard[class] ~= pool_sets.OFF then
      conclude(fleet, class, fleet.time)
      names[#names + 1], count = name, count + fleet.tables_of.quiet[class]
    end
  end
  return names, count
end

-- author, pool_class ('' for all): an operator ends the guard
--   -> {GUARDED, names of the classes whose guard was on} | {UNKNOWN_CLASS, name}, and the event's text, '' if none.
-- Ticks mark the pools lost. O(classes).
function guards.finish(fleet, given)
  local name = given.pool_class
  local chosen = name ~= '' and vectors.index(fleet.tables_of.names, name)
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

-- For a rebuild: the guard of a class with so many unconfirmed pools. They are lost after the longest lease, unless
-- they are heard.
function guards.mend(fleet, class, unconfirmed)
  set(fleet, class, unconfirmed > 0 and pool_sets.OVER or pool_sets.OFF, unconfirmed)
  timers.set_guard(fleet, class, unconfirmed > 0 and fleet.time + LEASES * pool_records.UNKNOWN_TTL or nil)
end
