-- The expiry of pools' leases, by ticks, a slice per call: a pool whose lease has run out is lost, later gone, and its
-- sessions end; when it is empty it is forgotten.

expiry = {}

local MAX_ENDED = 128 -- sessions of gone pools that one call ends
local MAX_FORGOTTEN = 64 -- pools that one call removes

-- Whether the lease is on hold, since a gap has ended less than it ago; the timer is set to its end.
local function is_on_hold(fleet, pool)
  local until_time = fleet.resumed_at + transitions.GRACE * pool.lease.ttl
  pool.due = until_time > fleet.time and until_time
  return pool.due
end

-- Pools whose lease has run out are lost, or unconfirmed where the guard of their class is on.
local function expire_leases(fleet, found)
  local serving = {}
  for _, pool in ipairs(found) do
    if pool.status == 'active' then
      serving[pool.class] = serving[pool.class] or {}
      table.insert(serving[pool.class], pool)
    end
  end
  local are_guarded = {}
  for class, of_class in pairs(serving) do
    are_guarded[class] = guards.protect(fleet, class, of_class)
    if not are_guarded[class] then
      guards.remember(fleet, class, of_class)
    end
  end
  for _, pool in ipairs(found) do
    if pool.status == 'active' and are_guarded[pool.class] then
      transitions.mark_unconfirmed(pool, fleet.time)
    else
      transitions.lose(pool, fleet.tables_of.gone, fleet.time)
    end
  end
end

-- A gone pool: ends sessions, then waits until it is forgotten; returns the number of sessions that ended, and whether
-- it is to be removed now. The timer of one with sessions moves behind those that are due.
local function expire_sessions(fleet, pool, count)
  local ended = sessions.finish_some(fleet, pool, count, 'pool_gone')
  if count == 0 or pool_records.occupancy(fleet, pool) > 0 then
    pool.due = fleet.time
  elseif fleet.tables_of.forget > 0 then
    pool.due = math.max(pool.lease.since + fleet.tables_of.forget, fleet.time)
    return ended, pool.due <= fleet.time
  end
  return ended
end

-- Lost pools are gone; sessions of gone ones end. Returns those that are to be removed.
local function expire_pools(fleet, found)
  local left, forgotten = MAX_ENDED, {}
  for _, pool in ipairs(found) do
    if pool.lease.liveness == 'lost' then
      transitions.mark_gone(pool, fleet.time)
    end
    local ended, is_over = expire_sessions(fleet, pool, left)
    left = left - ended
    forgotten[#forgotten + 1] = is_over and #forgotten < MAX_FORGOTTEN and pool or nil
  end
  return forgotten
end

-- Processes leases whose timers are due. Timers of pools that do not exist, have no lease, or failed are dropped.
function expiry.run(fleet)
  local found = timers.due_pools(fleet, 'lease', 'due')
  if not found[1] then
    return
  end
  local losing, going = {}, {}
  for _, pool in ipairs(found) do
    local present = pool.status ~= 'failed' and pool.lease and pool.lease.liveness
    if present == 'alive' and not is_on_hold(fleet, pool) then
      losing[#losing + 1] = pool
    elseif present == 'lost' and guards.is_on(fleet, pool.class) then
      pool.due = fleet.time + fleet.tables_of.gone
    elseif present == 'lost' or present == 'gone' then
      pool.due = incarnations.is_recovering(fleet) and fleet.recovering_until
      going[#going + 1] = not pool.due and pool or nil
    end
  end
  expire_leases(fleet, losing)
  local forgotten = expire_pools(fleet, going)
  pool_sets.apply(fleet, found)
  pools.forget(fleet, forgotten)
end
