-- Pool records: `pools` maps a pool id to "pool_number status", `names` a pool number to the pool id.

pool_records = {}

-- The field that counts the pools with a status.
pool_records.COUNTED_IN = { active = 'pools', draining = 'draining_pools', failed = 'failed_pools' }

-- Pool number and status; nil, nil and the refusal if the pool does not exist or its status is unknown.
function pool_records.find(fleet, pool_id)
  local record = redis.call('HGET', keys.of_fleet(fleet, 'pools'), pool_id)
  if not record then
    return nil, nil, { 'UNKNOWN_POOL' }
  end
  local pool_number, status = string.match(record, '(%d+) (%a+)')
  if not pool_records.COUNTED_IN[status] then
    return nil, nil, { 'NEWER_FLEET' }
  end
  return tonumber(pool_number), status
end

-- The id of the pool with this number; false if there is none.
function pool_records.name(fleet, pool_number)
  local names = cache.list(fleet, 'pool_list')
  local name = names[pool_number]
  if not name then
    name = redis.call('HGET', keys.of_fleet(fleet, 'names'), pool_number)
    cache.add(names, pool_number, name)
  end
  return name
end

-- Writes the record and the name of a pool.
function pool_records.write(fleet, pool_id, pool_number, status)
  redis.call('HSET', keys.of_fleet(fleet, 'pools'), pool_id, string.format('%d %s', pool_number, status))
  redis.call('HSET', keys.of_fleet(fleet, 'names'), string.format('%d', pool_number), pool_id)
end

-- Wraps an operation on a pool that exists: callback(fleet, given, pool_number, status) -> reply. The function takes
-- (fleet, given), and returns {UNKNOWN_POOL} if there is no pool `given.pool_id`.
function pool_records.on_pool(callback)
  return function(fleet, given)
    local pool_number, status, refusal = pool_records.find(fleet, given.pool_id)
    return refusal or callback(fleet, given, pool_number, status)
  end
end

-- The class_index of a class name; nil if there is none.
function pool_records.find_class(fleet, name)
  for class_index = 1, #fleet.names do
    if fleet.names[class_index] == name then
      return class_index
    end
  end
end

-- Adds to the count of the pools with a status.
function pool_records.count(fleet, class_index, status, change)
  local field = pool_records.COUNTED_IN[status]
  cold.load(fleet, field)
  local counts = fleet[field]
  counts[class_index] = counts[class_index] + change
end

-- The number of pools of a class, whatever their status.
function pool_records.total(fleet, class_index)
  local total = 0
  for _, field in pairs(pool_records.COUNTED_IN) do
    cold.load(fleet, field)
    total = total + fleet[field][class_index]
  end
  return total
end
