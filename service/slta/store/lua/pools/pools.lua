-- Pools. `used:<class>` has a bit for every pool of the class; a bit is reused only after its pool was removed, empty
-- and with all its bits cleared. `forgotten` has the pools that had a lease and were removed as gone, by fleet time.

pools = {}

-- The drain of a pool: "µs until its deadline, negative after it, what follows"; '' without one.
local function drain_text(fleet, pool)
  local deadline, follows = pool_records.deadline(pool)
  return deadline and string.format('%.0f %s', deadline - fleet.time, follows) or ''
end

-- pool_id -> {POOL, pool_id, class, status, occupancy, address or '', labels or '', liveness, drain as `drain_text`} |
-- {UNKNOWN_POOL}.
pools.get = pool_records.on_pool(function(fleet, given, pool)
  local pool_id = given.pool_id
  return {
    'POOL', pool_id, fleet.names[pool.class_index], pool.status, ledger.occupancy(fleet, pool.pool_number),
    attributes.address(fleet, pool_id), attributes.labels(fleet, pool_id),
    pool.lease and pool.lease.liveness or 'alive', drain_text(fleet, pool),
  }
end)

-- A new pool on the lowest free pool_index of its class, with a lease as `transitions.begin_lease` takes it, if any.
local function make(fleet, pool_id, class_index, status, lease)
  local used = keys.of_class(fleet, 'used', class_index)
  local pool_index = math.max(0, redis.call('BITPOS', used, 0))
  redis.call('SETBIT', used, pool_index, 1)
  local pool = {
    pool_id = pool_id, class_index = class_index, pool_index = pool_index, status = status, changed = true,
    pool_number = keys.pool_number(fleet, class_index, pool_index),
  }
  if lease then
    cold.load(fleet, 'gone')
    transitions.begin_lease(pool, lease, fleet.gone, fleet.time)
  end
  return pool
end

-- Checks pools: those that are new, with their class_index, and those whose attributes change, in order; nil, nil and
-- the refusal if one is invalid. O(pools given).
local function new_and_changed(fleet, found)
  local classes, new, changed = {}, {}, {}
  for _, pool in ipairs(found) do
    pool.class_index = vectors.index(fleet.names, pool.pool_class)
    if not pool.class_index then
      return nil, nil, { 'UNKNOWN_CLASS', pool.pool_class }
    end
    local stored, refusal = pool_records.find(fleet, pool.pool_id)
    if refusal and refusal[1] == 'NEWER_FLEET' then
      return nil, nil, refusal
    end
    local present = stored and stored.class_index or classes[pool.pool_id]
    if present and present ~= pool.class_index then
      return nil, nil, { 'IN_OTHER_CLASS', pool.pool_id }
    elseif not present then
      classes[pool.pool_id] = pool.class_index
      new[#new + 1] = pool
    elseif stored and attributes.differ(fleet, pool.pool_id, pool.address, pool.labels) then
      changed[#changed + 1] = pool
    end
  end
  return new, changed
end

-- Remembers pools that had a lease and are removed: of MAX_POOLS of them the latest. O(pools given * log pools).
local function remember(fleet, found)
  local key = keys.of_fleet(fleet, 'forgotten')
  pool_records.add_by_time(fleet, key, found)
  redis.call('ZREMRANGEBYRANK', key, 0, -1 - constants.MAX_POOLS)
end

-- The lease with which a remembered pool is made again, and forgets it; nil for another pool. O(log pools).
local function recall(fleet, pool_id)
  local was_remembered = redis.call('ZREM', keys.of_fleet(fleet, 'forgotten'), pool_id) == 1
  return was_remembered and { ttl = pool_records.UNKNOWN_TTL, listed = fleet.time, unheard = true } or nil
end

-- pools: with attributes as `attributes.set` takes them; one that is replayed perhaps with a lease, as
-- `transitions.begin_lease` takes it
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
  local made = {}
  for at, pool in ipairs(new) do
    made[at] = make(fleet, pool.pool_id, pool.class_index, 'active', recall(fleet, pool.pool_id) or pool.lease)
  end
  pool_changes.apply(fleet, made)
  local reply = { 'CREATED', #new }
  for _, list in ipairs({ new, changed }) do
    for _, pool in ipairs(list) do
      attributes.set(fleet, pool.pool_id, pool.address, pool.labels)
      reply[#reply + 1] = pool.pool_id
    end
  end
  return reply
end

-- Removes empty pools, from `pool_records.read`. O(pools given + pools / 8).
local function remove_all(fleet, found)
  for _, pool in ipairs(found) do
    transitions.remove(pool)
  end
  pool_changes.apply(fleet, found)
  for _, pool in ipairs(found) do
    attributes.clear(fleet, pool.pool_id)
  end
end

-- pool_id -> {REMOVED} | {UNKNOWN_POOL} | {NOT_EMPTY}. O(pools / 8).
pools.remove = pool_records.on_pool(function(fleet, _, pool)
  if ledger.occupancy(fleet, pool.pool_number) > 0 then
    return { 'NOT_EMPTY' }
  end
  -- writes
  remove_all(fleet, { pool })
  return { 'REMOVED' }
end)

-- Removes pools that are empty and gone. O(pools given + pools / 8).
function pools.forget(fleet, found)
  if #found > 0 then
    remove_all(fleet, found)
    remember(fleet, found)
    events.note(fleet, 'forget_pools', found)
  end
end

-- pool_id, pool_class, address, labels: moves an empty pool to another class, and sets attributes as `attributes.set`
-- does; its status is kept, and its lease begins anew.
--   -> {POOL, …} as `pools.get` | {UNKNOWN_POOL} | {UNKNOWN_CLASS} | {NOT_EMPTY}. O(pools / 8), or O(1) in its class.
pools.move = pool_records.on_pool(function(fleet, given, pool)
  local class_index = vectors.index(fleet.names, given.pool_class)
  if not class_index then
    return { 'UNKNOWN_CLASS', given.pool_class }
  elseif pool.class_index ~= class_index then
    if ledger.occupancy(fleet, pool.pool_number) > 0 then
      return { 'NOT_EMPTY' }
    end
    -- writes
    local moved = make(fleet, pool.pool_id, class_index, pool.status, pool.lease)
    moved.drain, moved.drain_due = pool.drain, pool_records.drain_due(pool)
    transitions.remove(pool)
    pool_changes.apply(fleet, { pool, moved })
  end
  attributes.set(fleet, given.pool_id, given.address, given.labels)
  return pools.get(fleet, given)
end)

-- pool_id, as_of, types that its list names -> {IDS, session id, …} | {UNKNOWN_POOL} | {STALE_REPORT, as_of}
--   | {UNKNOWN_SESSION_TYPE, name, those that exist}. O(occupancy + types).
pools.ids = pool_records.on_pool(function(fleet, given, pool)
  local _, stale = state.parse_as_of(fleet, given.as_of)
  local unknown = session_types.unknown_of(fleet, given.types)
  return stale or unknown or { 'IDS', unpack(redis.call('SMEMBERS', keys.of_ids(fleet, pool.pool_number))) }
end)
