-- A repair's stages on pools: their records, names and bits, then the columns of their occupancies.

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

-- Rebuilds names, bits and timers from some records of pools, which are mended. Unreadable ones are set aside. O(work).
function repair_pools.from_records(fleet, job, cursor)
  if cursor == '' then
    repair_leases.reset(fleet)
  end
  return slices.each_pair(fleet, 'pools', job, cursor, function(pool_id, record)
    local pool = stored_pools.salvage(fleet, pool_id, record)
    if pool.pool_number and not (pool.status and pool_records.text(pool) == record) then
      aside.set(fleet, 'record ' .. pool_id, record)
    end
    pool.pool_number = pool.pool_number and stored_pools.number_for(fleet, pool_id, pool.pool_number)
    if pool.pool_number then
      pool.status = pool.status or 'draining'
      stored_pools.set(fleet, pool)
      repair_leases.set_timers(fleet, pool)
    else
      aside.remove(fleet, 'pool', pool_id, record)
    end
  end)
end

-- A pool and its occupancy. One in service above its capacity is drained.
local function pool_and_occupancy(fleet, class_index, pool_number)
  local pool = stored_pools.read(fleet, records.pool_name(fleet, pool_number))
  local occupancy = ledger.occupancy(fleet, pool_number)
  if pool_records.is_in_service(pool) and occupancy > fleet.capacities[class_index] then
    pool.status = 'draining'
    stored_pools.set(fleet, pool)
  end
  return pool, occupancy
end

local function write_block(fleet, class_index, block)
  local occupancies = {}
  bit_blocks.each_used(fleet, class_index, block, function(pool_number, offset)
    local pool, occupancy = pool_and_occupancy(fleet, class_index, pool_number)
    local is_in_service = pool_records.is_in_service(pool)
    repair_leases.count(fleet, pool)
    if fleet.kinds > 0 then
      type_counts.add_pool(fleet, pool_number, is_in_service)
    end
    if is_in_service then
      occupancies[offset] = occupancy
    else
      pool_records.count(fleet, class_index, pool_records.counted_as(pool), 1)
      fleet.draining_sessions[class_index] = fleet.draining_sessions[class_index] + occupancy
    end
  end)
  bit_blocks.each_row(fleet, class_index, occupancies, function(key, bits) bit_blocks.write(key, block, bits) end)
end

-- Rebuilds the bit columns of some blocks of pools from their id sets. O(work).
function repair_pools.write_columns(fleet, job, cursor)
  if cursor == '' then
    repair_leases.begin_count(fleet)
    for _, field in ipairs({ 'draining_pools', 'failed_pools', 'draining_sessions' }) do
      fleet[field] = vectors.zeros(fleet.classes)
    end
    type_counts.reset(fleet)
  end
  return bit_blocks.each_block(fleet, job, cursor, function(class_index, block)
    write_block(fleet, class_index, block)
    job:spend(fleet.capacities[class_index] + 4 * bit_blocks.POOLS)
  end)
end
