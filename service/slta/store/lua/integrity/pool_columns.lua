-- The columns of pools: the bits of each pool in every row, which follow from its record and its set of ids.

pool_columns = {}

-- A pool and its occupancy. One in service above its capacity is drained by a repair.
local function find(fleet, slice, class_index, pool_number)
  local pool = stored_pools.read(fleet, records.pool_name(fleet, pool_number) or '')
  local occupancy, capacity = ledger.occupancy(fleet, pool_number), fleet.capacities[class_index]
  if occupancy > capacity then
    local text = 'pool number %d of class %s: holds %d sessions, expected at most %d'
    slice:wrong(string.format(text, pool_number, fleet.names[class_index], occupancy, capacity), function()
      pool.status = pool_records.is_in_service(pool) and 'draining' or pool.status
      stored_pools.set(fleet, pool)
    end)
  end
  return pool, occupancy
end

local function walk_block(fleet, slice, class_index, block)
  local occupancies, unconfirmed = {}, {}
  bit_blocks.each_used(fleet, class_index, block, function(pool_number, offset)
    local pool, occupancy = find(fleet, slice, class_index, pool_number)
    occupancies[offset] = pool_records.is_in_service(pool) and occupancy or nil
    unconfirmed[offset] = pool.lease and pool.lease.liveness == 'unconfirmed' and 1 or nil
    slice:count(fleet, pool, occupancy)
  end)
  local function visit(key, bits) slice:bits(key, block, bits) end
  bit_blocks.each_row(fleet, class_index, occupancies, visit)
  visit(keys.of_class(fleet, 'unconfirmed', class_index), bit_blocks.bits(unconfirmed, function() return true end))
  for key, holds in pairs(not slice.is_repair and policies.call(fleet, 'rows', class_index) or {}) do
    visit(key, bit_blocks.bits(occupancies, holds))
  end
end

-- A part: some blocks of pools; a repair rebuilds the rows of the policy later. O(work + capacity).
function pool_columns.walk(fleet, slice, cursor)
  local following = bit_blocks.each_block(fleet, slice, cursor, function(class_index, block)
    walk_block(fleet, slice, class_index, block)
    slice:spend(fleet.capacities[class_index] + 4 * bit_blocks.POOLS)
  end)
  slice:counted(fleet, cursor == '' and not following)
  return following
end

-- A part: there are bits of as many pools as the samples are from. A repair drops both if not. O(levels with samples).
function pool_columns.check_sampled(fleet, slice)
  local bits, sampled = 0, quality.sampled_pools(fleet)
  for class_index = 1, #fleet.numbers do
    bits = bits + rows.count(keys.of_class(fleet, 'sampled', class_index))
  end
  if bits ~= sampled then
    slice:wrong(string.format('sampled: has bits of %d pools, expected %d', bits, sampled), function()
      aside.set(fleet, 'key quality', quality.list(fleet))
      quality.drop(fleet)
    end)
  end
end
