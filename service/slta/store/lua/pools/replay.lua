-- Replay of sessions: restores acknowledged facts that the store has lost. Facts may arrive from several dispatchers,
-- in any order and repeatedly; the result is the same. Of two placements of a session the later one wins, of two leases
-- the longer one, and an end is final, as is the answer that the session is unknown.

replay = {}

-- Limits `due` to the possible range: not before the first unprocessed second, not after the end of a lease that begins
-- now.
local function clamp_due(fleet, lease, due)
  return due == 0 and 0 or math.max(fleet.next_due, math.min(due, records.latest_due(fleet, lease)))
end

-- The type_index of a type that may use the pool's class; 1 if the fleet lacks that type, or it may not any more.
local function find_type_index(fleet, name, pool_id)
  local type_index, pool = session_types.find(fleet, name) or 1, pool_records.find(fleet, pool_id)
  return pool and session_types.may_use(fleet, type_index, pool.class_index) and type_index or 1
end

-- Places the session of a type on the pool, where it began at `start`; a live one keeps its type. Returns the reply and
-- the session.
local function place(fleet, id, pool_id, name, lease, start)
  local type_index = find_type_index(fleet, name, pool_id)
  local session, pool, answer = reports.locate(fleet, id, pool_id, type_index)
  if answer then
    return { answer[1] }, nil
  end
  if session then
    sessions.detach(fleet, id, session)
    return { 'MOVED' }, reports.place(fleet, id, session, pool, lease, start)
  end
  local reply = { 'PLACED', name ~= '' and type_index == 1 and name or nil }
  return reply, reports.place(fleet, id, nil, pool, lease, start)
end

-- id, pool_id, and behind a blank the session's type if that is not the default one, lease in µs, start, due: the
-- session was on the pool from `start` on, with a lease until the second `due`.
--   -> PLACED, with the type if it has become the default one | MOVED | LENGTHENED | PRESENT | ENDED | UNKNOWN if that
--    was answered since | OVER_CAPACITY | INCOMPATIBLE | UNKNOWN_POOL. O(1).
function replay.placed(fleet, id, pool_and_type, lease, start, due)
  local pool_id, name = string.match(pool_and_type, '^(%S+) ?(%S*)$')
  local session, reply = sessions.read(fleet, id), { 'PRESENT' }
  lease, start = tonumber(lease), math.min(tonumber(start), fleet.time)
  if not session and marks.is_answered(fleet, id) then
    return { 'UNKNOWN' }
  elseif not session or session.pool_id ~= pool_id and session.start < start then
    local placed
    reply, placed = place(fleet, id, pool_id, name, lease, start)
    session = placed or session
  elseif session.pool_id == pool_id and session.start < start then -- it had left meanwhile, and come back
    sessions.set_start(fleet, id, session, start)
  end
  if session and sessions.extend_lease(fleet, id, session, lease, clamp_due(fleet, lease, tonumber(due))) then
    reply = reply[1] == 'PRESENT' and { 'LENGTHENED' } or reply
  end
  return reply
end

-- id, pool_id, reason: the session has ended. Without a reason the id was unknown when it was completed.
--   -> ENDED_NOW | REMEMBERED | ENDED. O(1).
function replay.ended(fleet, id, pool_id, reason)
  local session = sessions.read(fleet, id)
  if session then
    -- writes
    sessions.finish(fleet, id, session, reason == '' and 'completed' or reason)
    return { 'ENDED_NOW' }
  elseif sessions.ended(fleet, id) then
    return { 'ENDED' }
  end
  -- writes
  if reason == '' then
    sessions.add_tombstone(fleet, id)
  else
    sessions.add_ended(fleet, id, reason, pool_id)
  end
  return { 'REMEMBERED' }
end
