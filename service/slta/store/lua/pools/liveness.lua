-- Liveness of pools by class, and the state of the guards: cold vectors.

liveness = {}

-- Of each class: active pools with a lease, and unconfirmed ones that drain, by liveness; of its guard (see `guards`)
-- whether it is on, how many pools became unconfirmed, how many of those were heard, and the longest of their leases.
liveness.FIELDS = {
  'pools_alive', 'pools_unconfirmed', 'pools_lost', 'pools_gone', 'guard', 'guard_pools', 'guard_heard', 'guard_ttl',
}
liveness.OFF, liveness.ON, liveness.OVER = 0, 1, 2 -- of a guard

-- Loads them. O(classes).
function liveness.load(fleet)
  cold.load(fleet, unpack(liveness.FIELDS))
end

-- The liveness under which a pool is counted, that of an active one, and of any unconfirmed one; nil for none.
function liveness.counted_as(pool)
  local word = pool.lease and pool.lease.liveness
  return (pool.status == 'active' or word == 'unconfirmed') and word or nil
end

-- Counts a pool that was another one before; either may be empty.
function liveness.recount(fleet, class_index, before, after)
  local from, to = liveness.counted_as(before), liveness.counted_as(after)
  if from ~= to then
    liveness.load(fleet)
    pool_records.count(fleet, class_index, from, -1)
    pool_records.count(fleet, class_index, to, 1)
  end
end

-- The guard of the pool's class counts it as unconfirmed.
function liveness.add_unconfirmed(fleet, pool)
  local class_index = pool.class_index
  fleet.guard_pools[class_index] = fleet.guard_pools[class_index] + 1
  fleet.guard_ttl[class_index] = math.max(fleet.guard_ttl[class_index], pool.lease.ttl)
end
