-- Attributes of pools, which answers carry and placement ignores. `addresses` maps a pool id to its address, `labels`
-- to its labels as JSON; both lack pools without one. `attribute_list` is the version of both, 0 before the first
-- attribute. A change writes these hashes and the cold fields of the same names, their sizes, only: neither rows nor
-- the cached pool ids depend on them.

attributes = {}

local HASHES = { 'addresses', 'labels' }
local KEPT, CLEARED = '', ' ' -- values of an argument that is no attribute
local MAX_ADDRESS, MAX_LABELS = 255, 8192 -- bytes; labels as JSON, which may escape each character

-- What these arguments change: the new value by hash. O(1).
local function changes(fleet, pool_id, address, labels)
  local changed = {}
  for at, given in ipairs({ address or KEPT, labels or KEPT }) do
    local hash = HASHES[at]
    if given ~= KEPT and given ~= (redis.call('HGET', keys.of_fleet(fleet, hash), pool_id) or CLEARED) then
      changed[hash] = given
    end
  end
  return changed
end

-- Whether a stored value of `addresses` or `labels` is valid.
local IS_VALID = {
  addresses = function(value) return #value <= MAX_ADDRESS and string.find(value, '^[!-+--~]+$') end,
  labels = function(value) return #value <= MAX_LABELS and type(select(2, pcall(cjson.decode, value))) == 'table' end,
}

-- What is wrong with a stored attribute; nil if nothing is. O(1).
function attributes.fault(fleet, hash, pool_id, value)
  if not redis.call('HGET', keys.of_fleet(fleet, 'pools'), pool_id) then
    return 'is of a pool that does not exist'
  elseif not IS_VALID[hash](value) then
    return 'is unreadable'
  elseif fleet.attribute_list == 0 then
    return 'exists although the list of attributes has no version'
  end
end

-- Whether these arguments would change a pool. O(1).
function attributes.differ(fleet, pool_id, address, labels)
  return next(changes(fleet, pool_id, address, labels)) ~= nil
end

-- Sets the address and the labels of a pool: '' or nil keeps one, ' ' removes it. O(1).
function attributes.set(fleet, pool_id, address, labels)
  local changed = changes(fleet, pool_id, address, labels)
  for hash, value in pairs(changed) do
    local key = keys.of_fleet(fleet, hash)
    local change = value == CLEARED and -redis.call('HDEL', key, pool_id) or redis.call('HSET', key, pool_id, value)
    if change ~= 0 then
      state.count(fleet, hash, change)
    end
  end
  if next(changed) then
    fleet.revision = fleet.revision + 1
    fleet.attribute_list = cache.next_version(fleet.attribute_list)
  end
end

-- Removes both. O(1).
function attributes.clear(fleet, pool_id)
  attributes.set(fleet, pool_id, CLEARED, CLEARED)
end

-- The address of a pool, '' without one. O(1).
function attributes.address(fleet, pool_id)
  if fleet.attribute_list == 0 then
    return ''
  end
  local cached = cache.list(fleet, 'attribute_list')
  local address = cached[pool_id]
  if not address then
    address = redis.call('HGET', keys.of_fleet(fleet, 'addresses'), pool_id) or ''
    cache.add(cached, pool_id, address)
  end
  return address
end

-- The labels of a pool as JSON, '' without any. O(1).
function attributes.labels(fleet, pool_id)
  return fleet.attribute_list > 0 and redis.call('HGET', keys.of_fleet(fleet, 'labels'), pool_id) or ''
end
