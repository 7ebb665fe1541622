-- Leased pools: what changes of pools by an operator do to their leases.

leased_pools = {}

-- An operator gives a pool, from `attach`, another status: changes its lease, and returns the status for its record.
-- O(1).
function leased_pools.restate(fleet, pool, status)
  local lease = pool.lease
  if not lease then
    return status
  end
  if lease.letter == 'u' and status ~= 'active' then
    liveness.turn(fleet, pool, 'l')
    pool.due = liveness.gone_after(fleet)
    liveness.set_timers(fleet, { pool })
  end
  liveness.count(fleet, pool.class_index, pool.status == 'active' and lease.letter, status == 'active' and lease.letter)
  if pool.status == 'failed' then
    pool.status = status
    liveness.turn(fleet, pool, 'a')
    pool.due = liveness.due_after(fleet, lease)
    liveness.set_timers(fleet, { pool })
  elseif status == 'failed' then
    liveness.set_timers(fleet, { { pool_id = pool.pool_id } })
  end
  lease.out = status == 'active' and (lease.letter == 'l' or lease.letter == 'g')
  liveness.store(fleet, { pool })
  return lease.out and 'draining' or status
end

-- Gives a pool of that status a lease of the same length that begins now; nothing without a lease. O(log pools).
function leased_pools.begin(fleet, pool_id, class_index, status, lease)
  if lease then
    local fresh = { ttl = lease.ttl, letter = 'a', since = fleet.time, listed = lease.listed }
    local pool = { pool_id = pool_id, lease = fresh }
    liveness.count(fleet, class_index, nil, status == 'active' and 'a')
    liveness.store(fleet, { pool })
    pool.due = status ~= 'failed' and liveness.due_after(fleet, fresh) or nil
    liveness.set_timers(fleet, { pool })
  end
end

-- Removes the lease of a pool of that recorded status; returns it and the pool's status. O(log pools).
function leased_pools.drop(fleet, pool_id, class_index, recorded)
  local pool = { pool_id = pool_id, status = recorded, class_index = class_index }
  liveness.attach(fleet, { pool })
  if pool.lease then
    pool.pool_number = pools.find(fleet, pool_id)
    guards.leave(fleet, pool)
    liveness.count(fleet, class_index, pool.status == 'active' and pool.lease.letter)
    redis.call('HDEL', keys.of_fleet(fleet, 'pool_leases'), pool_id)
    redis.call('ZREM', keys.of_fleet(fleet, 'pool_timers'), pool_id)
  end
  return pool.lease, pool.status
end
