-- Reports: a pool's list of its sessions, and reports of where a session is placed. As in `sessions`, each operation
-- reads and checks, then writes.

reports = {}

-- The first session has come to an empty pool: if it is gone, it ends as the others did. O(log timers).
local function renew_timer(fleet, pool)
  if pool.status ~= 'failed' and pool.lease and pool.lease.liveness == 'gone' then
    cold.load(fleet, 'gone')
    timers.set(fleet, { { pool_id = pool.pool_id, due = fleet.time + fleet.gone } })
  end
end

-- A pool's occupancy rose to its `level` by a session of its type. Sessions on pools that are not active are counted
-- separately.
local function on_increment(fleet, pool)
  local class_index = pool.class_index
  if pool_records.is_in_service(pool) then
    derived.on_change(fleet, class_index, pool.pool_index, pool.level, 1, pool.type_index)
  else
    cold.load(fleet, 'draining_sessions')
    fleet.draining_sessions[class_index] = fleet.draining_sessions[class_index] + 1
    if fleet.kinds > 0 then
      type_counts.on_change(fleet, pool.type_index, class_index, 1, false)
    end
    if pool.level == 1 then
      renew_timer(fleet, pool)
    end
  end
end

-- id, pool_id, reason, as_of: ends the session if it is on that pool and began before `as_of`.
--   -> ENDED_NOW | KEPT | UNKNOWN | STALE_REPORT as_of. O(1).
function reports.end_session(fleet, id, pool_id, reason, as_of)
  local before, stale = state.parse_as_of(fleet, as_of)
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

-- Looks up the session of a report (nil if it is not live) and the pool, with the type_index of a new session, or that
-- of the live one; nil, nil and the reply if nothing needs to be written.
function reports.locate(fleet, id, pool_id, type_index)
  local pool, refusal = pool_records.find(fleet, pool_id)
  if refusal then
    return nil, nil, refusal
  end
  local session = sessions.read(fleet, id)
  if session and session.pool_number == pool.pool_number then
    return nil, nil, (sessions.reply(fleet, 'SAME', session))
  end
  local ended = not session and (sessions.ended(fleet, id))
  if ended then
    return nil, nil, ended
  end
  pool.type_index = session and records.kind(fleet, session) or type_index
  pool.level = ledger.occupancy(fleet, pool.pool_number) + 1
  if not session_types.may_use(fleet, pool.type_index, pool.class_index) then
    session_types.count(fleet, 'incompatible', pool.type_index)
    return nil, nil, { 'INCOMPATIBLE' }
  elseif pool.level > fleet.capacities[pool.class_index] then
    return nil, nil, { 'OVER_CAPACITY' }
  end
  return session, pool
end

-- Places the session on the pool, where it began at `start`. A live session must have been detached from its former
-- pool.
function reports.place(fleet, id, session, pool, lease, start)
  if session then
    sessions.move(fleet, id, session, pool, start)
  else
    session = sessions.begin(fleet, id, pool.type_index, pool.pool_number, pool.pool_id, lease, 'adopted', nil, start)
  end
  on_increment(fleet, pool)
  return session
end

-- id, pool_id, lease in µs ('' for the fleet's), as_of, and behind a blank "type:" and the session's type: adopts a
-- session that the pool reports as its own.
--   -> ADOPTED pool_id class lease start due '' | PRESENT | ELSEWHERE | ENDED | OVER_CAPACITY | UNKNOWN_POOL
--    | STALE_REPORT as_of | UNKNOWN_SESSION_TYPE name, those that exist | INCOMPATIBLE. O(1).
function reports.adopt(fleet, id, pool_id, lease, as_of)
  local _, stale = state.parse_as_of(fleet, string.match(as_of, '^%S*'))
  local type_index, unknown = session_types.of_options(fleet, as_of)
  local session = sessions.read(fleet, id)
  if stale or unknown or session then
    return stale or unknown or { session.pool_id == pool_id and 'PRESENT' or 'ELSEWHERE' }
  end
  local _, pool, answer = reports.locate(fleet, id, pool_id, type_index)
  if answer then
    return answer
  end
  -- writes
  local begun = reports.place(fleet, id, nil, pool, sessions.lease(fleet, lease), fleet.time)
  return (sessions.reply(fleet, 'ADOPTED', begun)) -- without the pool_id: nobody asks for its address
end

-- Whether a report may name the pool, and take the session from the pool that it is on.
local function is_allowed(fleet, id, pool_id, patterns)
  if not pool_patterns.match(patterns, pool_id) then
    return false
  end
  local session = sessions.read(fleet, id)
  return not session or pool_patterns.match(patterns, session.pool_id)
end

-- The comparison of a report with the policy's choice, nil without one; adds the difference of the session, in a fleet
-- that places sessions if it is new and was drawn.
local function compare(fleet, draw, pool, is_new)
  if not pool_records.is_in_service(pool) then
    return nil
  end
  local comparison = policies.call(fleet, 'compare', draw, pool.class_index, pool.level, pool.type_index)
  if comparison then
    differences.add(fleet, 'reported', comparison[1], comparison[4])
  elseif is_new then
    differences.draw(fleet, 'reported', tonumber(draw), pool.class_index, pool.level, pool.type_index)
  end
  return comparison
end

-- id, lease in µs ('' for the fleet's), draw in [0, 1), options: pool_id, " late" if the session may have been placed
-- some time ago, " only:" and the pools to which the reporter is restricted, " type:" and the type of a new session:
-- another dispatcher has placed it there.
--   -> NEW pool_id class lease start due, then the policy's comparison or '' | MOVED the same
--    | SAME pool_id class lease start due '' | ENDED reason pool_id | OVER_CAPACITY | UNKNOWN_POOL | POOL_NOT_ALLOWED
--    | UNKNOWN_SESSION_TYPE name, those that exist | INCOMPATIBLE.
-- O(classes + log pools).
function reports.report(fleet, id, lease, draw, options)
  local pool_id, patterns = string.match(options, '^%S*'), string.match(options, ' only:(%S+)')
  local late = string.find(options, ' late', 1, true)
  if patterns and not is_allowed(fleet, id, pool_id, patterns) then
    return { 'POOL_NOT_ALLOWED' }
  end
  local type_index, unknown = session_types.of_options(fleet, options)
  if unknown then
    return unknown
  end
  local session, pool, answer = reports.locate(fleet, id, pool_id, type_index)
  if answer then
    policies.call(fleet, 'left_out', answer[1])
    return answer, answer[1] == 'ENDED' and answer[3] or answer[2]
  end
  -- writes
  lease = session and session.lease or sessions.lease(fleet, lease)
  if session then
    sessions.detach(fleet, id, session)
  end
  local comparison = compare(fleet, draw, pool, not (session or late))
  local placed = reports.place(fleet, id, session, pool, lease, fleet.time)
  local reply = sessions.reply(fleet, session and 'MOVED' or 'NEW', placed, comparison)
  local address = comparison and attributes.address(fleet, comparison[2]) or ''
  return reply, pool_id, address ~= '' and address or nil
end
