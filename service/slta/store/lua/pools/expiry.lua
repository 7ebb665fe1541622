-- The expiry of pools' leases, by ticks, a slice per call: a pool whose lease has run out is lost, later gone, and its
-- sessions end; when it is empty it is forgotten.

expiry = {}

local MAX_POOLS = 256 -- timers that one call processes
local MAX_ENDED = 128 -- sessions of gone pools that one call ends
local MAX_FORGOTTEN = 64 -- pools that one call removes

-- The pools with due timers, the earliest first, and the classes of guards with such. Timers of pools that no longer
-- exist, have no lease, or failed are dropped.
local function due_pools(fleet)
  local now = string.format('%.0f', fleet.time)
  local key, pool_ids, classes = keys.of_fleet(fleet, 'pool_timers'), {}, {}
  for _, member in ipairs(redis.call('ZRANGE', key, '-inf', now, 'BYSCORE', 'LIMIT', 0, MAX_POOLS)) do
    local class_index = guards.class_of(fleet, member)
    classes[#classes + 1] = class_index
    pool_ids[#pool_ids + 1] = not class_index and member or nil
  end
  local found, dropped = {}, {}
  for _, pool in ipairs(liveness.read(fleet, pool_ids)) do
    local list = pool.class_index and pool.effective_status ~= 'failed' and found or dropped
    list[#list + 1] = pool
  end
  liveness.set_timers(fleet, dropped)
  return found, classes
end

-- Whether the lease is on hold, since a gap has ended less than it ago; the timer is set to its end.
local function is_on_hold(fleet, pool)
  local until_time = (fleet.resumed_at or 0) + liveness.GRACE * pool.lease.ttl
  pool.due = until_time > fleet.time and until_time or nil
  return pool.due ~= nil
end

-- Pools whose lease has run out are lost, or unconfirmed where the guard of their class is on.
local function expire_leases(fleet, found)
  local losing, serving = {}, {}
  for _, pool in ipairs(found) do
    local list = losing
    if pool.effective_status == 'active' then
      list = serving[pool.class_index] or {}
      serving[pool.class_index] = list
    end
    list[#list + 1] = pool
  end
  for class_index, of_class in pairs(serving) do
    if guards.protect(fleet, class_index, of_class) then
      transitions.mark_unconfirmed(fleet, of_class)
    else
      guards.remember(fleet, class_index, of_class)
      for _, pool in ipairs(of_class) do
        losing[#losing + 1] = pool
      end
    end
  end
  transitions.mark_lost(fleet, losing)
end

-- A gone pool: ends sessions, then waits until it is forgotten; returns the number of sessions that ended, and whether
-- it is to be removed now. The timer of one with sessions moves behind those that are due.
local function expire_sessions(fleet, pool, count)
  local ended = sessions.finish_some(fleet, pool.pool_number, count, 'pool_gone')
  if count == 0 or ledger.occupancy(fleet, pool.pool_number) > 0 then
    pool.due = fleet.time
  elseif fleet.forget > 0 then
    pool.due = math.max(pool.lease.since + fleet.forget, fleet.time)
    return ended, pool.due <= fleet.time
  end
  return ended
end

-- Lost pools are gone; sessions of gone ones end. Returns those that are to be removed.
local function expire_pools(fleet, found)
  local left, forgotten = MAX_ENDED, {}
  for _, pool in ipairs(found) do
    if pool.lease.liveness == 'lost' then
      transitions.set_liveness(fleet, pool, 'gone')
    end
    local ended, is_over = expire_sessions(fleet, pool, left)
    left = left - ended
    forgotten[#forgotten + 1] = is_over and #forgotten < MAX_FORGOTTEN and pool or nil
  end
  return forgotten
end

-- Whether timers may be due.
function expiry.is_due(fleet)
  return liveness.exists(fleet) and fleet.pool_due <= fleet.time
end

-- Whether a timer is due. O(1).
function expiry.is_late(fleet)
  return expiry.is_due(fleet) and (liveness.first_due(fleet) or math.huge) <= fleet.time
end

-- Processes at most MAX_POOLS due timers; `pool_due` is the first timer then.
function expiry.run(fleet)
  if not expiry.is_due(fleet) then
    return
  end
  cold.load(fleet, 'forget', 'resumed_at')
  local found, classes = due_pools(fleet)
  local losing, going = {}, {}
  for _, pool in ipairs(found) do
    local present = pool.lease and pool.lease.liveness
    if present == 'alive' and not is_on_hold(fleet, pool) then
      losing[#losing + 1] = pool
    elseif present == 'lost' and guards.is_on(fleet, pool.class_index) then
      pool.due = liveness.gone_after(fleet)
    elseif present ~= 'alive' and incarnations.is_recovering(fleet) then
      pool.due = fleet.recovering_until
    elseif present == 'lost' or present == 'gone' then
      going[#going + 1] = pool
    end
  end
  expire_leases(fleet, losing)
  local forgotten = expire_pools(fleet, going)
  local changed = {}
  for _, pool in ipairs(found) do
    changed[#changed + 1] = pool.changed and pool or nil
  end
  liveness.store(fleet, changed)
  liveness.set_timers(fleet, found)
  pools.forget(fleet, forgotten)
  if classes[1] then
    guards.run(fleet, classes[1]) -- one in each call
  end
  liveness.find_due(fleet)
end
