-- Replay: facts that a dispatcher acknowledged, and that the store has lost, hold again. Facts of different dispatchers
-- come in any order and any number of times to the same end: of two places of a session the later one holds, of two
-- leases the longer one, and an end is final.

replay = {}

-- A due second that this fleet can have: none that was looked through, none beyond what the lease can reach.
local function possible_due(fleet, lease, due)
  return due == 0 and 0 or math.max(fleet.next_due, math.min(due, records.latest_due(fleet, lease)))
end

-- The session comes to the pool where it began at `start`; the word for it, or the refusal, and the session.
local function bring(fleet, id, pool_id, lease, start)
  local session, pool, answer = reports.locate(fleet, id, pool_id)
  if answer then
    return answer[1], session
  end
  if session then
    sessions.leave(fleet, id, session.number)
  end
  return session and 'MOVED' or 'PLACED', reports.bring(fleet, id, session, pool, lease, start)
end

-- id, pool_id, lease in µs, start, due: the session was there from `start` on, under a lease until the second `due`.
--   -> PLACED | MOVED | LENGTHENED | PRESENT | ENDED | OVER_CAPACITY | UNKNOWN_POOL. O(1).
function replay.placed(fleet, id, pool_id, lease, start, due)
  local session, word = sessions.read(fleet, id), 'PRESENT'
  lease, start = tonumber(lease), math.min(tonumber(start), fleet.time)
  if not session or session.pool_id ~= pool_id and session.start < start then
    local brought
    word, brought = bring(fleet, id, pool_id, lease, start)
    session = brought or session
  end
  if session and sessions.lengthen(fleet, id, session, lease, possible_due(fleet, lease, tonumber(due))) then
    word = word == 'PRESENT' and 'LENGTHENED' or word
  end
  return { word }
end

-- id, pool_id, reason: the session has ended; without a reason nobody knew it when its complete came.
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
    early.remember(fleet, id)
  else
    sessions.remember_end(fleet, id, reason, pool_id)
  end
  return { 'REMEMBERED' }
end
