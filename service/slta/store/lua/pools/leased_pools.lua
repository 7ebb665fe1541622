-- Leased pools: what changes of pools by an operator do to their leases.

leased_pools = {}

leased_pools.UNKNOWN_TTL = 60e6 -- µs, of a pool that is made again, until its first heartbeat

-- Whether a pool, from `attach`, has the status already. An active one that was not heard since it was made again is to
-- serve.
function leased_pools.has_status(pool, status)
  return pool.status == status and not (status == 'active' and pool.lease and pool.lease.unheard)
end

-- Removes the lease of a pool, from `attach`. O(log pools).
local function remove(fleet, pool)
  pool.pool_number = pool.pool_number or pool_records.find(fleet, pool.pool_id)
  transitions.on_liveness_change(fleet, pool)
  liveness.recount(fleet, pool)
  liveness.count(fleet, pool.class_index, 'leases')
  redis.call('HDEL', keys.of_fleet(fleet, 'pool_leases'), pool.pool_id)
  redis.call('ZREM', keys.of_fleet(fleet, 'pool_timers'), pool.pool_id)
end

-- A failed pool has a status again: alive for a lease, or unconfirmed where the guard is on. O(log pools).
local function revive(fleet, pool)
  pool.due = liveness.due_after(fleet, pool.lease)
  if guards.is_on(fleet, pool.class_index) then
    guards.protect(fleet, pool.class_index, { pool })
    transitions.mark_unconfirmed(fleet, { pool })
  else
    transitions.set_liveness(fleet, pool, 'alive')
  end
  liveness.set_timers(fleet, { pool })
end

-- An operator gives a pool, from `attach`, another status: changes its lease, and returns the effective status.
-- O(log pools).
function leased_pools.on_status_change(fleet, pool, status)
  local lease = pool.lease
  if not lease then
    return status
  elseif lease.unheard and status == 'active' then
    remove(fleet, pool)
    return status
  end
  if lease.liveness == 'unconfirmed' and status == 'failed' then
    transitions.set_liveness(fleet, pool, 'lost')
  end
  liveness.recount(fleet, pool, status, lease.liveness)
  if pool.status == 'failed' then
    pool.status = status
    revive(fleet, pool)
  elseif status == 'failed' then
    liveness.set_timers(fleet, { { pool_id = pool.pool_id } })
  end
  lease.is_out_of_service = status == 'active' and (lease.liveness == 'lost' or lease.liveness == 'gone')
  liveness.store(fleet, { pool })
  return lease.is_out_of_service and 'draining' or status
end

-- Gives a new pool of that status a lease of the same length that begins now; nothing without a lease. It is alive,
-- but lost until it is heard or undrained if it was not heard before. Returns the effective status. O(log pools).
function leased_pools.begin(fleet, pool_id, class_index, status, lease)
  if not lease then
    return status
  end
  local is_lost = lease.unheard or false
  local fresh = {
    ttl = lease.ttl, liveness = is_lost and 'lost' or 'alive', since = fleet.time, listed = lease.listed,
    unheard = is_lost, is_out_of_service = is_lost and status == 'active',
  }
  local pool = { pool_id = pool_id, lease = fresh }
  liveness.count(fleet, class_index, nil, 'leases')
  liveness.count(fleet, class_index, nil, status == 'active' and fresh.liveness)
  liveness.store(fleet, { pool })
  local due = is_lost and liveness.gone_after(fleet) or liveness.due_after(fleet, fresh)
  pool.due = status ~= 'failed' and due or nil
  liveness.set_timers(fleet, { pool })
  if not liveness.exists(fleet) then -- the first lease, of a failed pool
    liveness.find_due(fleet)
  end
  return fresh.is_out_of_service and 'draining' or status
end

-- Remembers pools that had a lease and are removed: of MAX_POOLS of them the latest. O(pools given * log pools).
function leased_pools.remember(fleet, found)
  local key = keys.of_fleet(fleet, 'forgotten')
  liveness.add_by_time(fleet, key, found)
  redis.call('ZREMRANGEBYRANK', key, 0, -1 - constants.MAX_POOLS)
end

-- The lease with which a remembered pool is made again, and forgets it; nil for another pool. O(log pools).
function leased_pools.recall(fleet, pool_id)
  local was_remembered = redis.call('ZREM', keys.of_fleet(fleet, 'forgotten'), pool_id) == 1
  return was_remembered and { ttl = leased_pools.UNKNOWN_TTL, listed = fleet.time, unheard = true } or nil
end

-- The first session has come to an empty pool of that effective status: if it is gone, it ends as the others did.
-- O(log pools).
function leased_pools.on_first_session(fleet, pool_id, effective_status)
  local pool = { pool_id = pool_id, status = effective_status }
  liveness.attach(fleet, { pool })
  if effective_status == 'draining' and pool.lease and pool.lease.liveness == 'gone' then
    pool.due = liveness.gone_after(fleet)
    liveness.set_timers(fleet, { pool })
  end
end

-- Removes the lease of a pool of that effective status; returns it and the operator's status. O(log pools).
function leased_pools.drop(fleet, pool_id, class_index, effective_status)
  local pool = { pool_id = pool_id, status = effective_status, class_index = class_index }
  liveness.attach(fleet, { pool })
  if pool.lease then
    remove(fleet, pool)
  end
  return pool.lease, pool.status
end
