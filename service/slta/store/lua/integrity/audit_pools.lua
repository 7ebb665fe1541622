-- The audit of pools: record, name and set of ids of each pool, and its column of bits in every row.

audit_pools = {}

-- Checks that the name and the record of a pool agree. Returns whether it is in service, and its occupancy.
local function check_pool(fleet, report, pool_number)
  local name = records.pool_name(fleet, pool_number)
  local pool = pool_records.parse(name and redis.call('HGET', keys.of_fleet(fleet, 'pools'), name))
  if not pool or pool.pool_number ~= pool_number then
    report:add(string.format('pool number %d: its name and its record do not match', pool_number))
  end
  return pool and pool_records.is_in_service(pool), ledger.occupancy(fleet, pool_number)
end

local function check_row(report, key, block, expected)
  if bit_blocks.stored(key, block) ~= expected then
    report:add(string.format('%s: wrong bits of pools from %d on', key, block * bit_blocks.POOLS))
  end
end

local function check_block(fleet, report, class_index, block)
  local occupancies, capacity = {}, fleet.capacities[class_index]
  bit_blocks.each_used(fleet, class_index, block, function(pool_number, offset)
    local is_in_service, occupancy = check_pool(fleet, report, pool_number)
    occupancies[offset] = is_in_service and occupancy or nil
    if occupancy > capacity then
      local text = 'pool number %d of class %s: holds %d sessions, expected at most %d'
      report:add(string.format(text, pool_number, fleet.names[class_index], occupancy, capacity))
    end
  end)
  bit_blocks.each_row(fleet, class_index, occupancies, function(key, expected)
    check_row(report, key, block, expected)
  end)
  for key, holds in pairs(policies.call(fleet, 'rows', class_index) or {}) do
    check_row(report, key, block, bit_blocks.bits(occupancies, holds))
  end
end

-- Checks blocks of pools. O(work + capacity).
function audit_pools.check_columns(fleet, report, cursor)
  return bit_blocks.each_block(fleet, report, cursor, function(class_index, block)
    check_block(fleet, report, class_index, block)
    report:spend(fleet.capacities[class_index] + 4 * bit_blocks.POOLS)
  end)
end
