-- A repair's stages on pools: their records, names and bits, then the columns of their occupancies.

repair_pools = {}

-- Rewrites a pool's record from its name and bit if it is unreadable or disagrees with them.
local function repair_record(fleet, pool_number, pool_id)
  if not stored_pools.is_used(fleet, pool_number) then
    return
  end
  local stored, status = stored_pools.read(fleet, pool_id)
  if stored ~= pool_number and not (stored and records.pool_name(fleet, stored) == pool_id) then
    local by_bit = stored_pools.bit(fleet, 'active', pool_number) == 1 and 'active' or 'draining'
    stored_pools.set(fleet, pool_id, pool_number, status or by_bit)
  end
end

-- Repairs some records from names. At the end names and bits are dropped, to be rebuilt from the records. O(work).
function repair_pools.from_names(fleet, job, cursor)
  local next_cursor = slices.each_field(fleet, 'names', job, cursor, function(pool_number, pool_id)
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

-- Rebuilds names and bits from some records of pools. Unreadable ones are set aside. O(work).
function repair_pools.from_records(fleet, job, cursor)
  return slices.each_field(fleet, 'pools', job, cursor, function(pool_id, record)
    local stored, status = stored_pools.parse(fleet, record)
    local pool_number = stored and stored_pools.number_for(fleet, pool_id, stored)
    if pool_number then
      stored_pools.set(fleet, pool_id, pool_number, status)
    else
      aside.remove(fleet, 'pool', pool_id, record)
    end
  end)
end

-- Status, occupancy and id of a pool. One above its capacity is drained.
local function status_and_occupancy(fleet, class_index, pool_number)
  local pool_id = records.pool_name(fleet, pool_number)
  local _, status = stored_pools.read(fleet, pool_id)
  local occupancy = ledger.occupancy(fleet, pool_number)
  if status == 'active' and occupancy > fleet.capacities[class_index] then
    status = 'draining'
    stored_pools.set(fleet, pool_id, pool_number, status)
  end
  return status, occupancy, pool_id
end

local function write_block(fleet, class_index, block)
  local occupancies = {}
  bit_blocks.each_used(fleet, class_index, block, function(pool_number, offset)
    local status, occupancy, pool_id = status_and_occupancy(fleet, class_index, pool_number)
    repair_leases.count(fleet, class_index, pool_id, status)
    if fleet.kinds > 0 then
      type_counts.add_pool(fleet, pool_number, status == 'active')
    end
    if status == 'active' then
      occupancies[offset] = occupancy
    else
      pool_records.count(fleet, class_index, status, 1)
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
