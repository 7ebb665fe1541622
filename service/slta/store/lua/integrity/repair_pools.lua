-- The repair of pools: their records, names and bits, then what is counted of them.

repair_pools = {}

-- Rewrites a pool's number from its name, and its status from its bit, if they are unreadable or disagree with them.
local function repair_record(fleet, pool_number, pool_id)
  if not stored_pools.is_used(fleet, pool_number) then
    return
  end
  local pool = stored_pools.read(fleet, pool_id)
  local stored = pool.pool_number
  local is_own = stored and (stored == pool_number or records.pool_name(fleet, stored) == pool_id)
  if not is_own or not pool.status then
    local by_bit = stored_pools.bit(fleet, 'active', pool_number) == 1 and 'active' or 'draining'
    pool.pool_number, pool.status = is_own and stored or pool_number, pool.status or by_bit
    stored_pools.set(fleet, pool)
  end
end

-- Repairs some records from names. At the end names and bits are dropped, to be rebuilt from the records. O(work).
function repair_pools.from_names(fleet, job, cursor)
  local next_cursor = slices.each_pair(fleet, 'names', job, cursor, function(pool_number, pool_id)
    repair_record(fleet, tonumber(pool_number), pool_id)
  end)
  if not next_cursor then
    redis.call('UNLINK', keys.of_fleet(fleet, 'names'))
    for class_index = 1, #fleet.numbers do
      redis.call('UNLINK', keys.of_class(fleet, 'used', class_index), keys.of_class(fleet, 'active', class_index))
    end
  end
  return next_cursor
end

-- Writes the name, bit and timers of a pool with a salvaged record, and the record, which is mended. One that cannot be
-- read is set aside.
function repair_pools.restore(fleet, pool, record)
  if pool.pool_number and not (pool.status and pool_records.text(pool) == record) then
    aside.set(fleet, 'record ' .. pool.pool_id, record)
  end
  pool.pool_number = pool.pool_number and stored_pools.number_for(fleet, pool.pool_id, pool.pool_number)
  if pool.pool_number then
    pool.status = pool.status or 'draining'
    stored_pools.set(fleet, pool)
    repair_leases.set_timers(fleet, pool)
  else
    aside.remove(fleet, 'pool', pool.pool_id, record)
  end
end

-- Forgets the counts of pools that are not in service, and of their leases and types, before each pool is counted once.
function repair_pools.begin_count(fleet)
  repair_leases.begin_count(fleet)
  for _, field in ipairs({ 'draining_pools', 'failed_pools', 'draining_sessions' }) do
    fleet[field] = vectors.zeros(fleet.classes)
  end
  type_counts.reset(fleet)
end

-- Counts a pool, with its occupancy.
function repair_pools.count(fleet, pool, occupancy)
  local is_in_service, class_index = pool_records.is_in_service(pool), pool.class_index
  repair_leases.count(fleet, pool)
  if fleet.kinds > 0 then
    type_counts.add_pool(fleet, pool.pool_number, is_in_service)
  end
  if not is_in_service then
    pool_records.count(fleet, class_index, pool_records.counted_as(pool), 1)
    fleet.draining_sessions[class_index] = fleet.draining_sessions[class_index] + occupancy
  end
end
