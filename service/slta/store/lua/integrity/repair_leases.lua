-- A repair's stages on pools' leases and drains: every lease of a pool in service begins anew; unconfirmed pools stay
-- so, and their guard is on.

repair_leases = {}

-- A part of repairs, before the pools: forgets timers and what guards remember, which the records determine.
function repair_leases.reset(fleet)
  redis.call('UNLINK', keys.of_fleet(fleet, 'timers'))
  fleet.pool_due = 0
  for class_index = 1, #fleet.numbers do
    redis.call('UNLINK', keys.of_class(fleet, 'lost', class_index))
  end
end

-- Sets the timers of a pool with a salvaged record.
function repair_leases.set_timers(fleet, pool)
  local lease = pool.lease
  if lease and pool.status ~= 'failed' and lease.liveness ~= 'unconfirmed' then
    pool.due = fleet.time + (lease.liveness == 'alive' and transitions.GRACE * lease.ttl or fleet.gone)
  end
  pool.drain_due = pool_records.drain_due(pool)
  timers.set(fleet, { pool })
end

-- Forgets the numbers of all classes and the rows of unconfirmed pools, before each pool is counted once.
function repair_leases.begin_count(fleet)
  redis.call('UNLINK', keys.of_fleet(fleet, 'pool_liveness'))
  for class_index = 1, #fleet.numbers do
    redis.call('UNLINK', keys.of_class(fleet, 'unconfirmed', class_index))
  end
  fleet.liveness, fleet.unconfirmed = false, 0
end

-- Counts a pool under its liveness.
function repair_leases.count(fleet, pool)
  liveness.recount(fleet, pool.class_index, {}, pool)
  if pool.lease and pool.lease.liveness == 'unconfirmed' then
    redis.call('SETBIT', keys.of_class(fleet, 'unconfirmed', pool.class_index), pool.pool_index, 1)
    fleet.unconfirmed = fleet.unconfirmed + 1
    guards.resume(fleet, pool)
  end
end
