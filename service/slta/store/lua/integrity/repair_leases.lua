-- A repair's stages on pools' leases: every lease of a pool in service begins anew; unconfirmed pools stay so,
-- and their guard is on.

repair_leases = {}

-- Forgets timers, guards and unconfirmed pools, which the leases determine.
local function reset(fleet)
  redis.call('UNLINK', keys.of_fleet(fleet, 'pool_timers'))
  for class_index = 1, #fleet.numbers do
    redis.call('UNLINK', keys.of_class(fleet, 'unconfirmed', class_index), keys.of_class(fleet, 'lost', class_index))
  end
  fleet.unconfirmed = 0
  liveness.find_due(fleet)
end

-- A lost or gone pool stays so unless its record says that it is in service, an unconfirmed one unless it failed.
local function normalize(fleet, pool)
  local lease = pool.lease
  lease.ttl = math.max(liveness.MIN_TTL, math.min(lease.ttl, liveness.MAX_TTL))
  local is_away = (lease.liveness == 'lost' or lease.liveness == 'gone') and pool.effective_status ~= 'active'
  local is_unconfirmed = lease.liveness == 'unconfirmed' and pool.effective_status ~= 'failed'
  lease.liveness = (is_away or is_unconfirmed) and lease.liveness or 'alive'
  lease.is_out_of_service = lease.is_out_of_service and is_away and pool.effective_status == 'draining'
  lease.since, lease.listed = math.min(lease.since, fleet.time), math.min(lease.listed, fleet.time)
  pool.due = is_away and liveness.gone_after(fleet) or liveness.due_after(fleet, lease)
  pool.due = pool.effective_status ~= 'failed' and not is_unconfirmed and pool.due or nil
  if is_unconfirmed then
    pool.class_index = keys.locate(fleet, pool.pool_number)
    transitions.set_unconfirmed_bits(fleet, { pool }, 1)
  end
end

-- Gives some pools that have a timer and no lease one that begins now. O(work).
function repair_leases.from_timers(fleet, job, cursor)
  local key = keys.of_fleet(fleet, 'pool_leases')
  return slices.each_member(fleet, 'pool_timers', job, cursor, function(pool_id)
    if stored_pools.read(fleet, pool_id) and not redis.call('HGET', key, pool_id) then
      local lease = { ttl = leased_pools.UNKNOWN_TTL, liveness = 'alive', since = fleet.time, listed = fleet.time }
      liveness.store(fleet, { { pool_id = pool_id, lease = lease } })
    end
  end)
end

-- Repairs some leases; unreadable ones, and those of no pool, are set aside. O(work).
function repair_leases.restore(fleet, job, cursor)
  if cursor == '' then
    reset(fleet)
  end
  return slices.each_field(fleet, 'pool_leases', job, cursor, function(pool_id, text)
    local pool = { pool_id = pool_id, lease = liveness.parse(text) }
    pool.pool_number, pool.effective_status = stored_pools.read(fleet, pool_id)
    if pool.lease and pool.pool_number then
      normalize(fleet, pool)
      liveness.store(fleet, { pool })
      liveness.set_timers(fleet, { pool })
    else
      aside.set(fleet, 'pool_leases ' .. pool_id, text)
      redis.call('HDEL', keys.of_fleet(fleet, 'pool_leases'), pool_id)
    end
  end)
end

-- Forgets the numbers of all classes, before each pool is counted once.
function repair_leases.begin_count(fleet)
  redis.call('UNLINK', keys.of_fleet(fleet, 'pool_liveness'))
  fleet.liveness = false
end

-- Counts a pool under its liveness.
function repair_leases.count(fleet, class_index, pool_id, effective_status)
  local pool = { pool_id = pool_id, status = effective_status, class_index = class_index }
  liveness.attach(fleet, { pool })
  liveness.count(fleet, class_index, nil, pool.lease and 'leases')
  liveness.count(fleet, class_index, nil, pool.lease and liveness.counted_as(pool.status, pool.lease.liveness))
  if pool.lease and pool.lease.liveness == 'unconfirmed' then
    guards.resume(fleet, pool)
  end
end
