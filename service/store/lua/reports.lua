-- What others say of sessions: a pool's list of those it holds, and reports of where a session is, from whoever knows.
-- As in `sessions`, each operation reads and checks, then writes.

reports = {}

-- A pool came to hold `level` sessions, one more than before; those of a pool that is not active count apart.
local function rose(fleet, position, bit, status, level)
  if status == 'active' then
    ledger.rose(fleet, position, bit, level)
  else
    fleet.draining_sessions[position] = fleet.draining_sessions[position] + 1
  end
end

-- id, pool_id, lease in µs ('' for the fleet's), as_of: a session that the pool says it holds.
--   -> ADOPTED pool_id class lease start due | PRESENT | ELSEWHERE | ENDED | OVER_CAPACITY | UNKNOWN_POOL
--    | STALE_REPORT as_of. O(1).
function reports.adopt(fleet, id, pool_id, lease, as_of)
  local target, status, refusal = pools.find(fleet, pool_id)
  local _, stale = state.past(fleet, as_of)
  if refusal or stale then
    return refusal or stale
  end
  local session = sessions.read(fleet, id)
  if session then
    return { session.number == target and 'PRESENT' or 'ELSEWHERE' }
  elseif sessions.ended(fleet, id) then
    return { 'ENDED' }
  end
  local position, bit = keys.locate(fleet, target)
  if ledger.occupancy(fleet, target) >= fleet.capacities[position] then
    return { 'OVER_CAPACITY' }
  end
  -- writes
  local begun, level = sessions.begin(fleet, id, target, pool_id, sessions.lease(fleet, lease), 'adopted')
  rose(fleet, position, bit, status, level)
  return sessions.tell(fleet, 'ADOPTED', begun)
end

-- id, pool_id, reason, as_of: ends the session if it is on that pool and began before.
--   -> ENDED_NOW | KEPT | UNKNOWN | STALE_REPORT as_of. O(1).
function reports.end_on(fleet, id, pool_id, reason, as_of)
  local before, stale = state.past(fleet, as_of)
  if stale then
    return stale
  end
  local session = sessions.read(fleet, id)
  if not session then
    return { 'UNKNOWN' }
  elseif session.pool_id ~= pool_id or session.start >= before then
    return { 'KEPT' }
  end
  -- writes
  sessions.finish(fleet, id, session, reason)
  return { 'ENDED_NOW' }
end

local LEFT_OUT = { OVER_CAPACITY = true, UNKNOWN_POOL = true } -- the figures leave such a report out

-- The session of a report, which may be live, and its pool; nil, nil and the answer where nothing is to be written.
function reports.locate(fleet, id, pool_id)
  local target, status, refusal = pools.find(fleet, pool_id)
  if refusal then
    return nil, nil, refusal
  end
  local position, bit = keys.locate(fleet, target)
  local pool = { id = pool_id, number = target, status = status, position = position, bit = bit }
  local session = sessions.read(fleet, id)
  local reason, ended_on = nil, nil
  if session and session.number == target then
    return nil, nil, sessions.tell(fleet, 'SAME', session)
  elseif not session then
    reason, ended_on = sessions.ended(fleet, id)
  end
  if reason then
    return nil, nil, { 'ENDED', reason, ended_on }
  end
  pool.level = ledger.occupancy(fleet, target) + 1
  if pool.level > fleet.capacities[position] then
    return nil, nil, { 'OVER_CAPACITY' }
  end
  return session, pool
end

-- The session comes to the pool, where it began at `start`; one that was live has left its own before.
function reports.bring(fleet, id, session, pool, lease, start)
  if session then
    sessions.move(fleet, id, session, pool, start)
  else
    session = sessions.begin(fleet, id, pool.number, pool.id, lease, 'adopted', nil, start)
  end
  rose(fleet, pool.position, pool.bit, pool.status, pool.level)
  return session
end

-- id, pool_id, lease in µs ('' for the fleet's), draw in [0, 1): the session is on this pool, whoever put it there.
--   -> NEW pool_id class lease start due, what the policy compares it with | MOVED the same
--    | SAME pool_id class lease start due | ENDED reason pool_id | OVER_CAPACITY | UNKNOWN_POOL.
-- O(classes + log pools).
function reports.take(fleet, id, pool_id, lease, draw)
  local session, pool, answer = reports.locate(fleet, id, pool_id)
  if answer then
    if LEFT_OUT[answer[1]] then
      policies.tell(fleet, 'left_out', answer[1])
    end
    return answer
  end
  -- writes
  lease = session and session.lease or sessions.lease(fleet, lease)
  if session then
    sessions.leave(fleet, id, session.number)
  end
  local comparison = pool.status == 'active' and policies.tell(fleet, 'compare', draw, pool.position, pool.level)
  local brought = reports.bring(fleet, id, session, pool, lease, fleet.time)
  local reply = sessions.tell(fleet, session and 'MOVED' or 'NEW', brought)
  for _, value in ipairs(comparison or {}) do
    reply[#reply + 1] = value
  end
  return reply
end
