-- Pools. `used:<class>` has a bit for every pool of the class, by place. `forgotten` has the pools that had a lease and
-- were removed as gone, by fleet time.

pools = {}

-- The drain of a pool: "µs until its deadline, negative after it, what follows"; '' without one.
local function drain_text(fleet, pool)
  local deadline, follows = pool_records.deadline(pool)
  return deadline and string.format('%.0f %s', deadline - fleet.time, follows) or ''
end

-- {POOL, pool_id, class, status, occupancy, address or '', labels or '', liveness, drain as `drain_text`}.
function pools.describe(fleet, pool)
  local pool_id = pool.pool_id
  return {
    'POOL', pool_id, fleet.tables_of.names[pool.class], pool.status, pool_records.occupancy(fleet, pool),
    attributes.address(fleet, pool_id), attributes.labels(fleet, pool_id),
    pool.lease and pool.lease.liveness or 'alive', drain_text(fleet, pool),
  }
end

-- pool_id -> {POOL, …} as above | {UNKNOWN_POOL}.
pools.get = pool_records.on_pool(function(fleet, _, pool) return pools.describe(fleet, pool) end)

-- The numbers, as text, of at most `most` pools of a class from a place on, and the place after the last one read, nil
-- at the end. O(most + places).
function pools.numbers_of(fleet, class, place, most)
  local used, numbers = redis.call('GET', fleet.tables_of.keys.used[class]) or '', {}
  local first, at = keys.first_number(fleet.tables_of.ids[class]), place
  while at < 8 * #used and #numbers < most do
    local byte = string.byte(used, (at - at % 8) / 8 + 1)
    if byte == 0 then
      at = at - at % 8 + 8
    else
      numbers[#numbers + 1] = math.floor(byte / 2 ^ (7 - at % 8)) % 2 == 1 and string.format('%d', first + at) or nil
      at = at + 1
    end
  end
  return numbers, at < 8 * #used and at or nil
end

-- The same by their ids.
function pools.ids_of(fleet, class, place, most)
  local numbers, following = pools.numbers_of(fleet, class, place, most)
  return pool_records.names(fleet, numbers), following
end

-- A new pool on the lowest free place of its class, with a lease as `transitions.begin_lease` takes it, if any.
local function make(fleet, pool_id, class, status, lease)
  local all, first = fleet.tables_of.keys, keys.first_number(fleet.tables_of.ids[class])
  local place
  repeat -- a place with a name is taken, even if its bit was lost
    place = math.max(0, redis.call('BITPOS', all.used[class], 0))
    redis.call('SETBIT', all.used[class], place, 1)
  until redis.call('HEXISTS', all.names, string.format('%d', first + place)) == 0
  local pool = {
    pool_id = pool_id, class = class, place = place, status = status, changed = true, pool_number = first + place,
  }
  if lease then
    transitions.begin_lease(pool, lease, fleet.tables_of.gone, fleet.time)
  end
  return pool
end

-- Checks pools: those that are new, with their class, and those whose attributes change, in order; nil, nil and
-- the refusal if one is invalid. O(pools given).
local function new_and_changed(fleet, found)
  local classes, new, changed = {}, {}, {}
  for _, pool in ipairs(found) do
    pool.class = vectors.index(fleet.tables_of.names, pool.pool_class)
    if not pool.class then
      return nil, nil, { 'UNKNOWN_CLASS', pool.pool_class }
    end
    local stored = pool_records.find(fleet, pool.pool_id)
    local present = stored and stored.class or classes[pool.pool_id]
    if present and present ~= pool.class then
      return nil, nil, { 'IN_OTHER_CLASS', pool.pool_id }
    elseif not present then
      classes[pool.pool_id] = pool.class
      new[#new + 1] = pool
    elseif stored and attributes.differ(fleet, pool.pool_id, pool.address, pool.labels) then
      changed[#changed + 1] = pool
    end
  end
  return new, changed
end

-- Remembers pools that had a lease and are removed: of MAX_POOLS of them the latest. O(pools given * log pools).
local function remember(fleet, found)
  local key = fleet.tables_of.keys.forgotten
  pool_records.add_by_time(fleet, key, found)
  redis.call('ZREMRANGEBYRANK', key, 0, -1 - constants.MAX_POOLS)
end

-- The lease with which a remembered pool is made again, and forgets it; nil for another pool. O(log pools).
local function recall(fleet, pool_id)
  local was_remembered = redis.call('ZREM', fleet.tables_of.keys.forgotten, pool_id) == 1
  return was_remembered and { ttl = pool_records.UNKNOWN_TTL, listed = fleet.time, unheard = true } or nil
end

-- pools: with attributes as `attributes.set` takes them
--   -> {CREATED, number of new pools, their ids, ids of pools with changed attributes} | {UNKNOWN_CLASS, name}
--    | {IN_OTHER_CLASS, pool_id} | {LIMIT} | {QUOTA}. All or nothing. O(pools given), with a `quota` O(pools).
function pools.add(fleet, given)
  local new, changed, refusal = new_and_changed(fleet, given.pools)
  if not new then
    return refusal
  elseif redis.call('HLEN', fleet.tables_of.keys.records) + #new > constants.MAX_POOLS then
    return { 'LIMIT' }
  elseif #new > 0 and not pool_patterns.allow(fleet, given.quota, #new) then
    return { 'QUOTA' }
  end
  -- writes
  local made = {}
  for at, pool in ipairs(new) do
    made[at] = make(fleet, pool.pool_id, pool.class, 'active', recall(fleet, pool.pool_id))
  end
  pool_sets.apply(fleet, made)
  local reply = { 'CREATED', #new }
  for _, list in ipairs({ new, changed }) do
    for _, pool in ipairs(list) do
      attributes.set(fleet, pool.pool_id, pool.address, pool.labels)
      reply[#reply + 1] = pool.pool_id
    end
  end
  return reply
end

-- Removes empty pools, from `pool_records.read`. O(pools given * log pools).
local function remove_all(fleet, found)
  for _, pool in ipairs(found) do
    transitions.remove(pool)
  end
  pool_sets.apply(fleet, found)
  for _, pool in ipairs(found) do
    attributes.clear(fleet, pool.pool_id)
  end
end

-- pool_id -> {REMOVED} | {UNKNOWN_POOL} | {NOT_EMPTY}. O(log pools).
pools.remove = pool_records.on_pool(function(fleet, _, pool)
  if pool_records.occupancy(fleet, pool) > 0 then
    return { 'NOT_EMPTY' }
  end
  -- writes
  remove_all(fleet, { pool })
  return { 'REMOVED' }
end)

-- Removes pools that are empty and gone. O(pools given * log pools).
function pools.forget(fleet, found)
  if #found > 0 then
    remove_all(fleet, found)
    remember(fleet, found)
    events.note(fleet, 'forget_pools', found)
  end
end

-- pool_id, pool_class, address, labels: moves an empty pool to another class, and sets attributes as `attributes.set`
-- does; its status is kept, and its lease begins anew.
--   -> {POOL, …} as `pools.get` | {UNKNOWN_POOL} | {UNKNOWN_CLASS} | {NOT_EMPTY}. O(log pools).
pools.move = pool_records.on_pool(function(fleet, given, pool)
  local class = vectors.index(fleet.tables_of.names, given.pool_class)
  if not class then
    return { 'UNKNOWN_CLASS', given.pool_class }
  elseif pool.class ~= class then
    if pool_records.occupancy(fleet, pool) > 0 then
      return { 'NOT_EMPTY' }
    end
    -- writes
    local moved = make(fleet, pool.pool_id, class, pool.status, pool.lease)
    moved.drain, moved.drain_due = pool.drain, pool_records.drain_due(pool)
    transitions.remove(pool)
    pool_sets.apply(fleet, { pool, moved })
  end
  attributes.set(fleet, given.pool_id, given.address, given.labels)
  return pools.get(fleet, given)
end)

-- pool_id, as_of, types that its list names -> {IDS, session id, …} | {UNKNOWN_POOL} | {STALE_REPORT, as_of}
--   | {UNKNOWN_SESSION_TYPE, name, those that exist}. O(occupancy + types).
pools.ids = pool_records.on_pool(function(fleet, given)
  local _, stale = state.parse_as_of(fleet, given.as_of)
  local unknown = types.unknown_of(fleet, given.types)
  return stale or unknown or { 'IDS', unpack(redis.call('SMEMBERS', pool_records.place(fleet, given.pool_id).ids)) }
end)
