-- Replay: restores acknowledged facts that the store has lost. Facts may arrive from several dispatchers, in any order
-- and repeatedly; the result is the same. Of two placements of a session the later one wins, of two leases the longer
-- one, and an end is final.

replay = {}

-- Limits `due` to the possible range: not before the first unprocessed second, not after the end of a lease that begins
-- now.
local function clamp_due(fleet, lease, due)
  return due == 0 and 0 or math.max(fleet.next_due, math.min(due, records.latest_due(fleet, lease)))
end

-- Places the session of a type on the pool, where it began at `start`; as one of the default type if the fleet does not
-- have that type, or it may not use the pool's class any more. Returns the reply word and the session.
local function place(fleet, id, pool_id, name, lease, start)
  local kind = session_types.find(fleet, name) or 1
  local session, pool, answer = reports.locate(fleet, id, pool_id, kind)
  if answer and answer[1] == 'INCOMPATIBLE' and kind > 1 then
    session, pool, answer = reports.locate(fleet, id, pool_id, 1)
  end
  if answer then
    return answer[1], session
  end
  if session then
    sessions.detach(fleet, id, session)
  end
  return session and 'MOVED' or 'PLACED', reports.place(fleet, id, session, pool, lease, start)
end

-- id, pool_id, and behind a blank the session's type if that is not the default one, lease in µs, start, due: the
-- session was on the pool from `start` on, with a lease until the second `due`.
--   -> PLACED | MOVED | LENGTHENED | PRESENT | ENDED | OVER_CAPACITY | UNKNOWN_POOL. O(1).
function replay.placed(fleet, id, pool_and_type, lease, start, due)
  local pool_id, name = string.match(pool_and_type, '^(%S+) ?(%S*)$')
  local session, word = sessions.read(fleet, id), 'PRESENT'
  lease, start = tonumber(lease), math.min(tonumber(start), fleet.time)
  if not session or session.pool_id ~= pool_id and session.start < start then
    local placed
    word, placed = place(fleet, id, pool_id, name, lease, start)
    session = placed or session
  end
  if session and sessions.extend_lease(fleet, id, session, lease, clamp_due(fleet, lease, tonumber(due))) then
    word = word == 'PRESENT' and 'LENGTHENED' or word
  end
  return { word }
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
    tombstones.add(fleet, id)
  else
    sessions.add_ended(fleet, id, reason, pool_id)
  end
  return { 'REMEMBERED' }
end
