-- Attributes of pools, which answers carry and placement ignores. `addresses` maps a pool id to its address, `labels`
-- to its labels as JSON; both lack pools without one. The field `attributes` of the fleet counts their
-- changes.

attributes = {}

local HASHES = { 'addresses', 'labels' }
local KEPT, CLEARED = '', ' ' -- values of an argument that is no attribute

-- What these arguments change: the new value by hash. O(1).
local function changes(fleet, pool_id, address, labels)
  local changed = {}
  for at, given in ipairs({ address or KEPT, labels or KEPT }) do
    local hash = HASHES[at]
    if given ~= KEPT and given ~= (redis.call('HGET', fleet.tables_of.keys[hash], pool_id) or CLEARED) then
      changed[hash] = given
    end
  end
  return changed
end

-- Whether these arguments would change a pool. O(1).
function attributes.differ(fleet, pool_id, address, labels)
  return next(changes(fleet, pool_id, address, labels)) ~= nil
end

-- Sets the address and the labels of a pool: '' or nil keeps one, ' ' removes it. O(1).
function attributes.set(fleet, pool_id, address, labels)
  local changed = changes(fleet, pool_id, address, labels)
  for hash, value in pairs(changed) do
    local key = fleet.tables_of.keys[hash]
    if value == CLEARED then
      redis.call('HDEL', key, pool_id)
    else
      redis.call('HSET', key, pool_id, value)
    end
    fleet.attributes = fleet.attributes + 1
    state.touch(fleet)
  end
  fleet.tables_of.address_of[pool_id] = nil
end

-- Removes both. O(1).
function attributes.clear(fleet, pool_id)
  attributes.set(fleet, pool_id, CLEARED, CLEARED)
end

-- The address of a pool, '' without one. O(1).
function attributes.address(fleet, pool_id)
  if fleet.attributes == 0 then
    return ''
  end
  local cached = fleet.tables_of.address_of
  local address = cached[pool_id]
  if not address then
    address = redis.call('HGET', fleet.tables_of.keys.addresses, pool_id) or ''
    cached[pool_id] = address
  end
  return address
end

-- The labels of a pool as JSON, '' without any. O(1).
function attributes.labels(fleet, pool_id)
  return fleet.attributes > 0 and redis.call('HGET', fleet.tables_of.keys.labels, pool_id) or ''
end
