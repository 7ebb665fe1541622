-- A repair's stages on pools' leases and drains: every lease of a pool in service begins anew; unconfirmed pools stay
-- so, and their guard is on.

repair_leases = {}

-- Forgets timers and what guards remember, which the records determine.
local function reset(fleet)
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

-- Gives some pools that have the timer of a lease and none one that begins now. At the end timers are dropped, to be
-- rebuilt from the records. O(work).
function repair_leases.from_timers(fleet, job, cursor)
  local next_cursor = slices.each_pair(fleet, 'timers', job, cursor, function(member)
    local kind, pool_id = timers.parse(fleet, member)
    local pool = kind == 'lease' and stored_pools.read(fleet, pool_id)
    if pool and pool.pool_number and pool.status and not pool.lease then
      pool.lease = { ttl = pool_records.UNKNOWN_TTL, liveness = 'alive', since = fleet.time, listed = fleet.time }
      stored_pools.set(fleet, pool)
    end
  end)
  if not next_cursor then
    reset(fleet)
  end
  return next_cursor
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
