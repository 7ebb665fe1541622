-- Replay of pools: restores pools that were made, moved, removed, or given a status, attributes or a lease by calls
-- that the store has lost. Of two facts of a pool the one with the larger stamp wins, whichever dispatcher replays it
-- first; see `marks`.

replay_pools = {}

local UNDRAINED = 'active undrained' -- the status of a fact about a pool that an operator returned
local APPLIED = { PLACED = true, CHANGED = true, REMOVED = true, PRESENT = true }

-- Gives a pool that exists the status of a fact, "status", behind a blank perhaps a drain as `transitions.set_status`
-- takes it, which ignores "undrained".
local function set_status(fleet, fact)
  local status, drain = string.match(fact.status, '^(%a+) ?(.*)$')
  local pool = pool_records.find(fleet, fact.pool_id)
  if status and (status ~= pool.status or drain ~= '' or pool_records.deadline(pool)) then
    statuses.set(fleet, { pool_id = fact.pool_id, status = status, drain = drain })
  end
end

-- Whether a fact is of a lease only, which says nothing of what other facts of the pool do.
local function is_lease(fact)
  return fact.pool_class == '' and fact.status == '' and fact.address == '' and fact.labels == ''
end

-- Begins the lease of a fact for a pool that exists without one; a pool that a replay has made is lost until it is
-- heard.
local function begin_lease(fleet, fact, was_made)
  local pool = fact.ttl and pool_records.find(fleet, fact.pool_id)
  if pool and not pool.lease then
    cold.load(fleet, 'gone')
    transitions.begin_lease(pool, { ttl = fact.ttl, listed = fleet.time }, fleet.gone, fleet.time)
    if was_made then
      transitions.lose(pool, fleet.gone, fleet.time)
    end
    pool_changes.apply(fleet, { pool })
  end
end

-- Applies a fact to a pool that exists.
local function change(fleet, fact, pool)
  local revision = fleet.revision
  if fact.status == 'removed' then
    return pools.remove(fleet, fact)
  end
  local pool_class = fact.pool_class ~= '' and fact.pool_class or fleet.names[pool.class_index]
  local reply = pools.move(fleet, {
    pool_id = fact.pool_id, pool_class = pool_class, address = fact.address, labels = fact.labels,
  })
  if reply[1] ~= 'POOL' then
    return reply
  end
  set_status(fleet, fact)
  begin_lease(fleet, fact, fact.mark == 'earlier')
  return { fleet.revision ~= revision and 'CHANGED' or 'PRESENT' }
end

-- Applies a fact to a pool that does not exist; adds one that is to be made to `made`.
local function make(fleet, fact, made)
  if fact.status == 'removed' then
    return { 'PRESENT' }
  elseif fact.pool_class == '' then
    return { 'UNKNOWN_POOL' }
  elseif not vectors.index(fleet.names, fact.pool_class) then
    return { 'UNKNOWN_CLASS' }
  end
  fact.lease = fact.ttl and { ttl = fact.ttl, listed = fleet.time, unheard = true }
  made[#made + 1] = fact
  return { 'PLACED' }
end

-- Makes the pools of facts; those with a lease are lost until they are heard, others that were undrained are not.
local function make_all(fleet, made)
  local reply = made[1] and pools.add(fleet, { pools = made, quota = '' })
  for _, fact in ipairs(made) do
    if reply[1] ~= 'CREATED' then
      fact.outcome = reply
    elseif fact.status ~= 'active' and not (fact.lease and fact.status == UNDRAINED) then
      set_status(fleet, fact)
    end
  end
end

-- The outcome of a fact; one that may be made is added to `made`.
local function apply(fleet, fact, made)
  local pool = pool_records.find(fleet, fact.pool_id)
  if fact.mark == 'later' then
    begin_lease(fleet, fact, true)
    if pool and fact.status == UNDRAINED and pool.status == 'active' then -- a later move does not tell that
      statuses.set(fleet, { pool_id = fact.pool_id, status = 'active', drain = '' })
    end
  end
  if fact.mark == 'present' or fact.mark == 'later' then
    return { 'SUPERSEDED' }
  end
  return pool and change(fleet, fact, pool) or make(fleet, fact, made)
end

-- incarnation: one of the fleet; facts
--   -> {OTHER_FLEET} | {BATCH, of each fact PLACED if the pool was made | CHANGED | REMOVED | PRESENT if the pool
--   is so already | SUPERSEDED if this or a later fact was replayed | UNKNOWN_POOL, UNKNOWN_CLASS, NOT_EMPTY or LIMIT}.
-- O(facts + pools / 8) for pools that are made, O(facts * pools / 8) for others.
function replay_pools.run(fleet, given)
  if not incarnations.is_of(fleet, given.incarnation) then
    return { 'OTHER_FLEET' }
  end
  incarnations.extend_recovery(fleet)
  local facts, made, names, stamps, outcomes = given.facts, {}, {}, {}, {}
  for _, fact in ipairs(facts) do
    fact.name, fact.ttl = 'pool ' .. fact.pool_id, tonumber(fact.ttl)
  end
  marks.compare(fleet, facts)
  for _, fact in ipairs(facts) do
    fact.outcome = apply(fleet, fact, made)
  end
  make_all(fleet, made)
  for at, fact in ipairs(facts) do
    outcomes[at] = fact.outcome
    if APPLIED[fact.outcome[1]] and not is_lease(fact) then
      names[#names + 1], stamps[#stamps + 1] = fact.name, fact.stamp
    end
  end
  marks.set(fleet, names, stamps)
  return { 'BATCH', outcomes }
end
