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
  return redis.pcall('GETBIT', keys.of_class(fleet, row, position), bit)
end

local function set_pool(fleet, pool_id, number, status)
  redis.call('HSET', keys.of_fleet(fleet, 'pools'), pool_id, string.format('%d %s', number, status))
  redis.call('HSET', keys.of_fleet(fleet, 'names'), string.format('%d', number), pool_id)
  local position, bit = keys.locate(fleet, number)
  redis.call('SETBIT', keys.of_class(fleet, 'used', position), bit, 1)
end

repair_pools.set = set_pool

-- Whether a class has a pool of this number, by its row.
function repair_pools.is_used(fleet, number)
  return number and keys.locate(fleet, number) and get_bit(fleet, 'used', number) ~= 0
end

-- Where a pool's record is unreadable, or says another number than its name and its bit: what those say.
local function mend_record(fleet, number, pool_id)
  if not repair_pools.is_used(fleet, number) then
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
    mend_record(fleet, tonumber(number), pool_id)
  end)
  if not going_on then
    redis.call('UNLINK', keys.of_fleet(fleet, 'names'))
    for position = 1, #fleet.numbers do
      redis.call('UNLINK', keys.of_class(fleet, 'used', position), keys.of_class(fleet, 'active', position))
    end
  end
  return going_on
end

-- The lowest free number of a class; nil where it has none left.
function repair_pools.free_number(fleet, position)
  local bit = math.max(0, redis.call('BITPOS', keys.of_class(fleet, 'used', position), 0))
  return bit < constants.MAX_POOLS and keys.pool_number(fleet, position, bit) or nil
end

-- The number that a pool can have: its record's, or a free one of the same class where that is another pool's. Its
-- sessions follow it, for their records name it. nil where its record is unreadable.
local function number_for(fleet, pool_id, number)
  local holder = number and records.pool_name(fleet, number)
  if holder and holder ~= pool_id then
    return repair_pools.free_number(fleet, (keys.locate(fleet, number)))
  end
  return number
end

-- Some records of pools: their names and bits. One that is unreadable is set aside. O(work).
function repair_pools.from_records(fleet, job, cursor)
  local key = keys.of_fleet(fleet, 'pools')
  return each_field_of(key, job, cursor, function(pool_id, record)
    local stored, status = repair_pools.parse(fleet, record)
    local number = number_for(fleet, pool_id, stored)
    if number then
      set_pool(fleet, pool_id, number, status)
    else
      repair.set_aside(fleet, 'pool ' .. pool_id, record)
      redis.call('HDEL', key, pool_id)
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
  if cursor == '' then
    begin_counts(fleet)
  end
  return columns.each_block(fleet, job, cursor, function(position, block)
    write_block(fleet, position, block)
    job:worked(fleet.capacities[position] + 4 * columns.POOLS)
  end)
end
