-- Pools as they are stored, whose records, names and bits may be unreadable or disagree.

stored_pools = {}

-- Salvages a pool's record; its pool_number is nil if no class has it. Its times may be `ahead` µs of the fleet's.
function stored_pools.salvage(fleet, pool_id, record, ahead)
  local pool = pool_records.salvage(type(record) == 'string' and record or '', fleet.time + (ahead or 0))
  pool.class_index, pool.pool_index = keys.locate(fleet, pool.pool_number or -1)
  pool.pool_id, pool.pool_number = pool_id, pool.class_index and pool.pool_number
  return pool
end

-- The salvaged record of a pool, without a number if it has none.
function stored_pools.read(fleet, pool_id)
  return stored_pools.salvage(fleet, pool_id, redis.pcall('HGET', keys.of_fleet(fleet, 'pools'), pool_id))
end

-- The number of a pool alone, as from `read`.
function stored_pools.number(fleet, pool_id)
  local record = redis.pcall('HGET', keys.of_fleet(fleet, 'pools'), pool_id)
  local pool_number = tonumber(type(record) == 'string' and string.match(record, '^(%d+) ') or -1)
  return keys.locate(fleet, pool_number) and pool_number or nil
end

-- The bit of a pool in a row of its class; an error table if the row is no string.
function stored_pools.bit(fleet, row, pool_number)
  local class_index, pool_index = keys.locate(fleet, pool_number)
  return redis.pcall('GETBIT', keys.of_class(fleet, row, class_index), pool_index)
end

-- Writes the record, the name and the bit of a pool.
function stored_pools.set(fleet, pool)
  pool.class_index, pool.pool_index = keys.locate(fleet, pool.pool_number)
  redis.call('HSET', keys.of_fleet(fleet, 'pools'), pool.pool_id, pool_records.text(pool))
  redis.call('HSET', keys.of_fleet(fleet, 'names'), string.format('%d', pool.pool_number), pool.pool_id)
  redis.call('SETBIT', keys.of_class(fleet, 'used', pool.class_index), pool.pool_index, 1)
end

-- Whether the row of a class has a pool with this number.
function stored_pools.is_used(fleet, pool_number)
  return pool_number and keys.locate(fleet, pool_number) and stored_pools.bit(fleet, 'used', pool_number) ~= 0
end

-- The lowest free pool number of a class; nil if there is none.
local function free_number(fleet, class_index)
  local pool_index = math.max(0, redis.call('BITPOS', keys.of_class(fleet, 'used', class_index), 0))
  return pool_index < constants.MAX_POOLS and keys.pool_number(fleet, class_index, pool_index) or nil
end

-- `pool_number`, or a free one of the same class if it belongs to another pool; session records name the pool by id and
-- follow. Nil if there is none.
function stored_pools.number_for(fleet, pool_id, pool_number)
  local holder = records.pool_name(fleet, pool_number)
  if holder and holder ~= pool_id then
    return free_number(fleet, (keys.locate(fleet, pool_number)))
  end
  return pool_number
end

-- A part of surveys: pools without a readable record whose name and bit exist. O(work).
function stored_pools.check_names(fleet, slice, cursor)
  return slices.each_pair(fleet, 'names', slice, cursor, function(pool_number, pool_id)
    if not stored_pools.read(fleet, pool_id).pool_number and stored_pools.is_used(fleet, tonumber(pool_number)) then
      slice:named(pool_id)
    end
  end)
end

-- A part: some records of pools. O(work).
function stored_pools.walk(fleet, slice, cursor)
  return slices.each_pair(fleet, 'pools', slice, cursor, function(pool_id, record)
    slice:pool(fleet, stored_pools.salvage(fleet, pool_id, record, slice.ahead), record)
  end)
end
