-- Status changes: of one pool, or of many at once.

statuses = {}

local MAX_POOLS, MAX_SESSIONS = 1000, 50000 -- limits of a change of many pools, which keep the call short

-- Gives pools a status and a drain.
local function change(fleet, found, status, drain)
  for _, pool in ipairs(found) do
    pool.former = pool.status
    local is_guarded = pool.lease and guards.is_on(fleet, pool.class)
    transitions.set_status(pool, status, drain, is_guarded, fleet.tables_of.gone, fleet.time)
  end
  pool_sets.apply(fleet, found)
end

-- pool_id, status, drain as `transitions.set_status` takes it -> {POOL, …} as `pools.get` | {UNKNOWN_POOL}.
-- O(occupancy + r* + classes).
statuses.set = pool_records.on_pool(function(fleet, given, pool)
  -- writes
  change(fleet, { pool }, given.status, given.drain)
  return pools.get(fleet, given)
end)

local function too_large(count, what)
  return { 'TOO_LARGE', string.format('%d %s', count, what) }
end

-- The ids of the pools of a class; nil and the refusal if the class does not exist or is too large. O(pools).
local function ids_of_class(fleet, name)
  local class = vectors.index(fleet.tables_of.names, name)
  if not class then
    return nil, { 'UNKNOWN_CLASS', name }
  end
  local total = redis.call('BITCOUNT', fleet.tables_of.keys.used[class])
  if total > MAX_POOLS then
    return nil, too_large(total, 'pools')
  end
  return (pools.ids_of(fleet, class, 0, MAX_POOLS))
end

-- The pools with these ids, each once, with pool_class, deadline and what follows it; nil and the refusal if one does
-- not exist. O(ids).
local function find_all(fleet, ids)
  local found, visited = {}, {}
  for _, pool_id in ipairs(ids) do
    local pool, refusal = pool_records.find(fleet, pool_id)
    if not pool then
      return nil, { refusal[1], refusal[1] == 'UNKNOWN_POOL' and pool_id or nil }
    elseif not visited[pool_id] then
      visited[pool_id] = true
      pool.pool_class = fleet.tables_of.names[pool.class]
      pool.deadline, pool.follows = pool_records.deadline(pool)
      found[#found + 1] = pool
    end
  end
  return found
end

-- The refusal if these pools have too many sessions, else nil. O(pools).
local function too_full(fleet, found)
  local total = 0
  for _, pool in ipairs(found) do
    total = total + pool_records.occupancy(fleet, pool)
  end
  return total > MAX_SESSIONS and too_large(total, 'sessions') or nil
end

-- The pools that change to a status or to a drain with a deadline or without one, and the reply of `set_many`; failed
-- pools of a class do not change.
local function split(found, given)
  local changing, unchanged, reply = {}, {}, { 'CHANGED', 0 }
  for _, pool in ipairs(found) do
    local keeps_status = transitions.has_status(pool, given.status) and given.drain == '' and not pool.deadline
    if keeps_status or pool.status == 'failed' and given.pool_class ~= '' then
      unchanged[#unchanged + 1] = pool.pool_id
    else
      changing[#changing + 1], reply[#reply + 1] = pool, pool.pool_id
    end
  end
  reply[2] = #changing
  vectors.append(reply, unchanged)
  return changing, reply
end

-- The pools of `pool_class`, or with '' those of `pool_ids`, as `find_all` returns them.
local function select_pools(fleet, given)
  local ids, refusal = given.pool_ids, nil
  if given.pool_class ~= '' then
    ids, refusal = ids_of_class(fleet, given.pool_class)
  end
  if refusal then
    return nil, refusal
  end
  return find_all(fleet, ids)
end

-- status, drain as `transitions.set_status` takes it, pool_class '' and pool_ids, or a class for its pools that have
-- not failed
--   -> {CHANGED, number of changed pools, their ids, ids of the others}, and the changed pools, `former` their status
--   before | {UNKNOWN_POOL, pool_id} | {UNKNOWN_CLASS, name} | {TOO_LARGE, what}. All or nothing.
-- O(sessions on changed pools).
function statuses.set_many(fleet, given)
  local found, refusal = select_pools(fleet, given)
  if not found then
    return refusal
  end
  local changing, reply = split(found, given)
  refusal = too_full(fleet, changing)
  if refusal then
    return refusal
  end
  -- writes
  change(fleet, changing, given.status, given.drain)
  return reply, changing
end
