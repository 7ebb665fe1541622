-- Pools. `pools` maps a pool id to "pool_number status", `names` a pool number to the pool id. `used:<class>` has a bit
-- for every pool of the class; a bit is reused only after its pool was removed, empty and with all its bits cleared.

pools = {}

-- pool_id -> {POOL, pool_id, class, status, occupancy, address or '', labels or '', liveness, the drain's deadline as
-- `drains.text`} | {UNKNOWN_POOL}.
pools.get = pool_records.on_pool(function(fleet, given, pool_number, effective_status)
  local pool_id, class = given.pool_id, fleet.names[(keys.locate(fleet, pool_number))]
  local status, word = liveness.describe(fleet, pool_id, effective_status)
  return {
    'POOL', pool_id, class, status, ledger.occupancy(fleet, pool_number),
    attributes.address(fleet, pool_id), attributes.labels(fleet, pool_id), word,
    drains.text(fleet, pool_id, status),
  }
end)

-- Creates a pool on the lowest free pool_index of the class, with this status in its record.
local function create(fleet, pool_id, class_index, status)
  local used = keys.of_class(fleet, 'used', class_index)
  local pool_index = math.max(0, redis.call('BITPOS', used, 0))
  redis.call('SETBIT', used, pool_index, 1)
  if status == 'active' then
    redis.call('SETBIT', keys.of_class(fleet, 'active', class_index), pool_index, 1)
  end
  pool_records.count(fleet, class_index, status, 1)
  pool_records.write(fleet, pool_id, keys.pool_number(fleet, class_index, pool_index), status)
end

-- Removes an empty pool and frees its pool_index; returns its lease, nil without one, and its status.
local function destroy(fleet, pool_id, pool_number, status)
  local class_index, pool_index = keys.locate(fleet, pool_number)
  local lease, operator_status = leased_pools.drop(fleet, pool_id, class_index, status)
  redis.call('SETBIT', keys.of_class(fleet, 'used', class_index), pool_index, 0)
  redis.call('SETBIT', keys.of_class(fleet, 'active', class_index), pool_index, 0)
  pool_records.count(fleet, class_index, status, -1)
  redis.call('HDEL', keys.of_fleet(fleet, 'pools'), pool_id)
  redis.call('HDEL', keys.of_fleet(fleet, 'names'), string.format('%d', pool_number))
  return lease, operator_status
end

-- Checks pools: those that are new, with their class_index, and those whose attributes change, in order; nil, nil and
-- the refusal if one is invalid. O(pools given).
local function new_and_changed(fleet, found)
  local classes, new, changed = {}, {}, {}
  for _, pool in ipairs(found) do
    pool.class_index = pool_records.find_class(fleet, pool.pool_class)
    if not pool.class_index then
      return nil, nil, { 'UNKNOWN_CLASS', pool.pool_class }
    end
    local pool_number, _, refusal = pool_records.find(fleet, pool.pool_id)
    if refusal and refusal[1] == 'NEWER_FLEET' then
      return nil, nil, refusal
    end
    local present = pool_number and keys.locate(fleet, pool_number) or classes[pool.pool_id]
    if present and present ~= pool.class_index then
      return nil, nil, { 'IN_OTHER_CLASS', pool.pool_id }
    elseif not present then
      classes[pool.pool_id] = pool.class_index
      new[#new + 1] = pool
    elseif pool_number and attributes.differ(fleet, pool.pool_id, pool.address, pool.labels) then
      changed[#changed + 1] = pool
    end
  end
  return new, changed
end

-- pools: with attributes as `attributes.set` takes them; one that is replayed perhaps with a lease, as
-- `leased_pools.begin` takes it
--   -> {CREATED, number of new pools, their ids, ids of pools with changed attributes} | {UNKNOWN_CLASS, name}
--    | {IN_OTHER_CLASS, pool_id} | {LIMIT} | {QUOTA}. All or nothing. O(pools given), with a `quota` O(pools).
function pools.add(fleet, given)
  local new, changed, refusal = new_and_changed(fleet, given.pools)
  if not new then
    return refusal
  elseif redis.call('HLEN', keys.of_fleet(fleet, 'pools')) + #new > constants.MAX_POOLS then
    return { 'LIMIT' }
  elseif #new > 0 and not pool_patterns.allow(fleet, given.quota, #new) then
    return { 'QUOTA' }
  end
  -- writes
  if #new > 0 then
    derived.change(fleet, function()
      for _, pool in ipairs(new) do
        local lease = leased_pools.recall(fleet, pool.pool_id) or pool.lease
        local effective_status = leased_pools.begin(fleet, pool.pool_id, pool.class_index, 'active', lease)
        create(fleet, pool.pool_id, pool.class_index, effective_status)
      end
    end)
  end
  local reply = { 'CREATED', #new }
  for _, list in ipairs({ new, changed }) do
    for _, pool in ipairs(list) do
      attributes.set(fleet, pool.pool_id, pool.address, pool.labels)
      reply[#reply + 1] = pool.pool_id
    end
  end
  return reply
end

-- Removes empty pools, { pool_id, pool_number, effective_status }. O(pools given + pools / 8).
local function remove_all(fleet, found)
  derived.change(fleet, function()
    for _, pool in ipairs(found) do
      destroy(fleet, pool.pool_id, pool.pool_number, pool.effective_status)
    end
  end)
  for _, pool in ipairs(found) do
    attributes.clear(fleet, pool.pool_id)
    drains.clear(fleet, pool.pool_id)
  end
end

-- pool_id -> {REMOVED} | {UNKNOWN_POOL} | {NOT_EMPTY}. O(pools / 8).
pools.remove = pool_records.on_pool(function(fleet, given, pool_number, status)
  if ledger.occupancy(fleet, pool_number) > 0 then
    return { 'NOT_EMPTY' }
  end
  -- writes
  remove_all(fleet, { { pool_id = given.pool_id, pool_number = pool_number, effective_status = status } })
  return { 'REMOVED' }
end)

-- Removes pools, from `liveness.attach`, that are empty and gone. O(pools given + pools / 8).
function pools.forget(fleet, found)
  if #found > 0 then
    remove_all(fleet, found)
    leased_pools.remember(fleet, found)
    events.note(fleet, 'forget_pools', found)
  end
end

-- pool_id, pool_class, address, labels: moves an empty pool to another class, and sets attributes as `attributes.set`
-- does; its status is kept, and its lease begins anew.
--   -> {POOL, …} as `pools.get` | {UNKNOWN_POOL} | {UNKNOWN_CLASS} | {NOT_EMPTY}. O(pools / 8), or O(1) in its class.
pools.move = pool_records.on_pool(function(fleet, given, pool_number, status)
  local pool_id, class_index = given.pool_id, pool_records.find_class(fleet, given.pool_class)
  if not class_index then
    return { 'UNKNOWN_CLASS', given.pool_class }
  elseif keys.locate(fleet, pool_number) ~= class_index then
    if ledger.occupancy(fleet, pool_number) > 0 then
      return { 'NOT_EMPTY' }
    end
    -- writes
    derived.change(fleet, function()
      local lease, operator_status = destroy(fleet, pool_id, pool_number, status)
      create(fleet, pool_id, class_index, leased_pools.begin(fleet, pool_id, class_index, operator_status, lease))
    end)
  end
  attributes.set(fleet, pool_id, given.address, given.labels)
  return pools.get(fleet, given)
end)

-- pool_id, as_of, types that its list names -> {IDS, session id, …} | {UNKNOWN_POOL} | {STALE_REPORT, as_of}
--   | {UNKNOWN_SESSION_TYPE, name, those that exist}. O(occupancy + types).
pools.ids = pool_records.on_pool(function(fleet, given, pool_number)
  local _, stale = state.parse_as_of(fleet, given.as_of)
  local unknown = session_types.unknown_of(fleet, given.types)
  return stale or unknown or { 'IDS', unpack(redis.call('SMEMBERS', keys.of_ids(fleet, pool_number))) }
end)
