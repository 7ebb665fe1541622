-- Restores: what was acknowledged of sessions and lost by a fork, as items of the dispatchers that remember it. They
-- come in any order, from several dispatchers, and repeatedly; the result is the same.
--
-- An end is final. Of two placements of a session that of the higher revision wins; one that a call has made since the
-- fork wins over all that were lost. Of two leases the longer one is kept, from now on.

restores = {}

-- The kind of an item's session on a pool: `default` if its type is gone, or may not use the class.
local function kind_of(fleet, item, pool)
  local kind = types.find(fleet, item.detail) or 1
  return types.may_use(fleet, kind, pool.class) and kind or 1
end

-- Puts the session of an item on a pool, full or not, from now on. Returns the outcome.
local function put(fleet, item, session, pool)
  pool.kind = kind_of(fleet, item, pool)
  if session then
    sessions.detach(fleet, item.id, session)
    session.number = pool.kind == 1 and 0 or fleet.tables_of.types.numbers[pool.kind]
  end
  pool.level = pool_records.occupancy(fleet, pool) + 1
  reports.place(fleet, item.id, session, pool, item.lease)
  local is_untyped = pool.kind == 1 and item.detail ~= '' and item.detail ~= 'default'
  return { session and 'MOVED' or 'PLACED', is_untyped and 'session_type' or nil }
end

-- detail: the type -> PLACED or MOVED, and 'session_type' if the type is lost | LENGTHENED | PRESENT
--   | SUPERSEDED | ENDED | UNKNOWN_POOL; and whether the lease is longer.
local function placed(fleet, item)
  local session, pool = sessions.read(fleet, item.id), pool_records.find(fleet, item.pool_id)
  if not session and ended_ids.find(fleet, item.id) then
    return { 'ENDED' }
  end
  local is_longer = session and sessions.lengthen(fleet, item.id, session, item.lease)
  local has_lost = incarnations.has_placed(fleet, item.id, item.incarnation, item.revision)
  if has_lost or not pool then
    return { has_lost and 'SUPERSEDED' or 'UNKNOWN_POOL' }, is_longer
  end
  local reply = { is_longer and 'LENGTHENED' or 'PRESENT' }
  if not session or session.pool_id ~= item.pool_id then
    reply = put(fleet, item, session, pool)
  end
  incarnations.note(fleet, item.id, item.revision)
  return reply, is_longer
end

-- detail: the reason, '' if the session was unknown when it was completed -> ENDED_NOW | REMEMBERED | PRESENT
local function ended(fleet, item)
  local session = sessions.read(fleet, item.id)
  if session then
    sessions.finish(fleet, item.id, session, item.detail == '' and 'completed' or item.detail)
    return { 'ENDED_NOW' }
  elseif ended_ids.find(fleet, item.id) then
    return { 'PRESENT' }
  elseif item.detail == '' then
    ended_ids.add_tombstone(fleet, item.id)
  else
    ended_ids.add(fleet, item.id, item.detail, item.pool_id)
  end
  return { 'REMEMBERED' }
end

local KINDS = { placed = placed, ended = ended }
local CHANGES = { PLACED = true, MOVED = true, ENDED_NOW = true, REMEMBERED = true }

local function restore(fleet, item)
  item.lease, item.revision = tonumber(item.lease), tonumber(item.revision)
  if not incarnations.is_recovering(fleet) or item.revision <= fleet.fork then
    return { 'LATE' }
  end
  local outcome, is_longer = KINDS[item.kind](fleet, item)
  if CHANGES[outcome[1]] or is_longer then
    incarnations.mark(fleet)
  end
  return outcome
end

local function run(fleet, items, outcomes)
  local ids = {}
  for at, item in ipairs(items) do
    ids[at] = item.id
  end
  sessions.prefetch(fleet, ids, ids)
  records.prefetch(fleet.tables_of.keys.restored, ids)
  policies.count(fleet)
  if incarnations.is_recovering(fleet) then
    incarnations.extend_window(fleet)
  end
  for at, item in ipairs(items) do
    outcomes[at] = restore(fleet, item)
  end
end

-- incarnation: the one whose forks the dispatcher knows; items: kind, id, pool_id, detail, lease in µs, and the
-- incarnation and revision at which it was acknowledged
--   -> {OTHER_INCARNATION} | {RESTORED, outcomes in order}, LATE outside the window and for what an earlier fork lost.
-- The outcomes end where an unexpected error has, which marks the fleet suspect. O(items * log pools).
function restores.run(fleet, given)
  if given.incarnation ~= fleet.incarnation then
    return { 'OTHER_INCARNATION' }
  end
  local outcomes = {}
  local ran, message = pcall(run, fleet, given.items, outcomes)
  local written, why = pcall(records.write)
  if not (ran and written) then
    state.mark_suspect(fleet, written and message or why)
  end
  return { 'RESTORED', written and outcomes or {} }
end
