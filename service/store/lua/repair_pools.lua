-- A repair's stages on pools: their records, names and bits, then the columns of what they hold.

repair_pools = {}

local function each_field_of(key, job, cursor, visit)
  local found = redis.call('HSCAN', key, cursor == '' and '0' or cursor, 'COUNT', math.ceil(job.left / 6))
  for at = 1, #found[2], 2 do
    visit(found[2][at], found[2][at + 1])
  end
  return found[1] ~= '0' and found[1] or nil
end

repair_pools.each_field_of = each_field_of

-- Number and status of a pool's record; nil when it is unreadable or no class has the number.
function repair_pools.parse(fleet, record)
  local number, status = string.match(record or '', '^(%d+) (%a+)$')
  if not pools.COUNTED_IN[status] or not keys.locate(fleet, tonumber(number)) then
    return nil
  end
  return tonumber(number), status
end

local function get_bit(fleet, row, number)
  local position, bit = keys.locate(fleet, number)
  return redis.call('GETBIT', keys.of_class(fleet, row, position), bit)
end

local function set_pool(fleet, pool_id, number, status)
  redis.call('HSET', keys.of_fleet(fleet, 'pools'), pool_id, string.format('%d %s', number, status))
  redis.call('HSET', keys.of_fleet(fleet, 'names'), string.format('%d', number), pool_id)
  local position, bit = keys.locate(fleet, number)
  redis.call('SETBIT', keys.of_class(fleet, 'used', position), bit, 1)
end

repair_pools.set = set_pool

-- Where a pool's record is unreadable, or says another number than its name and its bit: what those say.
local function mend_record(fleet, number, pool_id)
  if not keys.locate(fleet, number) or get_bit(fleet, 'used', number) == 0 then
    return
  end
  local stored, status = repair_pools.parse(fleet, redis.call('HGET', keys.of_fleet(fleet, 'pools'), pool_id))
  if stored ~= number and not (stored and records.pool_name(fleet, stored) == pool_id) then
    local by_bit = get_bit(fleet, 'active', number) == 1 and 'active' or 'draining'
    set_pool(fleet, pool_id, number, status or by_bit)
  end
end

-- Some names. At the end names and bits are dropped, to be written anew from the records. O(work).
function repair_pools.from_names(fleet, job, cursor)
  local going_on = each_field_of(keys.of_fleet(fleet, 'names'), job, cursor, function(number, pool_id)
    if tonumber(number) then
      mend_record(fleet, tonumber(number), pool_id)
    end
  end)
  if not going_on then
    redis.call('UNLINK', keys.of_fleet(fleet, 'names'))
    for position = 1, #fleet.numbers do
      redis.call('UNLINK', keys.of_class(fleet, 'used', position), keys.of_class(fleet, 'active', position))
    end
  end
  return going_on
end

-- Some records of pools: their names and bits. One that is unreadable, or whose number is another pool's, is set aside.
-- O(work).
function repair_pools.from_records(fleet, job, cursor)
  local key = keys.of_fleet(fleet, 'pools')
  return each_field_of(key, job, cursor, function(pool_id, record)
    local number, status = repair_pools.parse(fleet, record)
    local holder = number and records.pool_name(fleet, number)
    if not number or holder and holder ~= pool_id then
      repair.set_aside(fleet, 'pool ' .. pool_id, record)
      redis.call('HDEL', key, pool_id)
    else
      set_pool(fleet, pool_id, number, status)
    end
  end)
end

-- Status and occupancy of the pool at a bit. One that holds more than fits gets no further sessions.
local function weigh(fleet, position, number)
  local pool_id = records.pool_name(fleet, number)
  local _, status = repair_pools.parse(fleet, redis.call('HGET', keys.of_fleet(fleet, 'pools'), pool_id))
  local occupancy = ledger.occupancy(fleet, number)
  if status == 'active' and occupancy > fleet.capacities[position] then
    status = 'draining'
    set_pool(fleet, pool_id, number, status)
  end
  return status, occupancy
end

local function write_block(fleet, position, block)
  local occupancies = {}
  for _, place in ipairs(columns.places(keys.of_class(fleet, 'used', position), block)) do
    local status, occupancy = weigh(fleet, position, keys.pool_number(fleet, position, block * columns.POOLS + place))
    if status == 'active' then
      occupancies[place] = occupancy
    else
      local counts = fleet[pools.COUNTED_IN[status]]
      counts[position] = counts[position] + 1
      fleet.draining_sessions[position] = fleet.draining_sessions[position] + occupancy
    end
  end
  columns.write(keys.of_class(fleet, 'active', position), block, columns.bits(occupancies, function() return true end))
  columns.levels(occupancies, fleet.capacities[position], function(level, bits)
    columns.write(keys.of_level(fleet, position, level), block, bits)
  end)
end

local function begin_counts(fleet)
  for _, field in ipairs({ 'draining_pools', 'failed_pools', 'draining_sessions' }) do
    fleet[field] = vectors.zeros(fleet.classes)
  end
end

-- Some blocks of pools: their columns of bits from their sets of ids. O(work).
function repair_pools.write_columns(fleet, job, cursor)
  local first, block = string.match(cursor, '^(%d+):(%d+)$')
  first, block = tonumber(first) or 1, tonumber(block) or 0
  if cursor == '' then
    begin_counts(fleet)
  end
  for position = first, #fleet.numbers do
    local blocks = columns.blocks(keys.of_class(fleet, 'used', position))
    while block < blocks do
      if job.left <= 0 then
        return position .. ':' .. block
      end
      write_block(fleet, position, block)
      block = block + 1
      job.left = job.left - fleet.capacities[position] - 4 * columns.POOLS
    end
    block = 0
  end
end
