-- Reports: a pool's list of its sessions, and reports of where a session is placed. As in `sessions`, each operation
-- reads and checks, then writes.

reports = {}

-- id, pool_id, reason, as_of: ends the session if it is on that pool and began before `as_of`.
--   -> ENDED_NOW | KEPT | UNKNOWN | STALE_REPORT as_of. O(log pools).
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

-- Looks up the session of a report (nil if it is not live) and the pool, with the kind of a new session, or that of the
-- live one, and the level that it would take; nil, nil and the reply if nothing needs to be written.
local function locate(fleet, id, pool_id, kind)
  local pool, refusal = pool_records.find(fleet, pool_id)
  if refusal then
    return nil, nil, refusal
  end
  local session = sessions.read(fleet, id)
  if session and session.pool_id == pool_id then
    return nil, nil, (sessions.reply(fleet, 'SAME', session))
  end
  local ended = not session and (ended_ids.find(fleet, id))
  if ended then
    return nil, nil, ended
  end
  pool.kind = session and sessions.kind(fleet, session) or kind
  pool.level = pool_records.occupancy(fleet, pool) + 1
  if not types.may_use(fleet, pool.kind, pool.class) then
    types.add(fleet, 'incompatible', pool.kind, 1)
    return nil, nil, { 'INCOMPATIBLE' }
  elseif pool.level > fleet.tables_of.capacities[pool.class] then
    return nil, nil, { 'OVER_CAPACITY' }
  end
  return session, pool
end

-- The first session has come to an empty pool: if it is gone, it ends as the others did. O(log timers).
local function renew_timer(fleet, pool)
  local is_gone = pool.status ~= 'failed' and pool.lease and pool.lease.liveness == 'gone'
  if is_gone and pool.level == 1 then
    timers.set(fleet, { { pool_id = pool.pool_id, due = fleet.time + fleet.tables_of.gone } })
  end
end

-- Places the session on the pool, with `kind` and `level`: a new one if it is nil, else one that has been detached from
-- its former pool.
function reports.place(fleet, id, session, pool, lease)
  local there = pool_records.place(fleet, pool.pool_id)
  if session then
    sessions.move(fleet, id, session, there)
  else
    session = sessions.begin(fleet, id, pool.kind, there, lease, 'adopted', '-')
  end
  renew_timer(fleet, pool)
  return session
end

-- id, pool_id, lease in µs ('' for the fleet's), as_of, and behind a blank "type:" and the session's type: adopts a
-- session that the pool reports as its own.
--   -> ADOPTED pool_id class lease start due '' | PRESENT | ELSEWHERE | ENDED | OVER_CAPACITY | UNKNOWN_POOL
--    | STALE_REPORT as_of | UNKNOWN_SESSION_TYPE name, those that exist | INCOMPATIBLE. O(log pools).
function reports.adopt(fleet, id, pool_id, lease, as_of)
  local _, stale = state.parse_as_of(fleet, string.match(as_of, '^%S*'))
  local kind, unknown = types.of_options(fleet, as_of)
  local session = sessions.read(fleet, id)
  if stale or unknown or session then
    return stale or unknown or { session.pool_id == pool_id and 'PRESENT' or 'ELSEWHERE' }
  end
  local _, pool, answer = locate(fleet, id, pool_id, kind)
  if answer then
    return answer
  end
  -- writes
  local begun = reports.place(fleet, id, nil, pool, sessions.lease(fleet, lease))
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

-- The comparison of a report with the choice of a policy that observes, nil without one; adds the difference of the
-- session, in a fleet that places sessions if it is new and was drawn.
local function compare(fleet, draw, pool, is_new)
  if not pool_records.is_in_service(pool) then
    return nil
  end
  local policy, here = fleet.tables_of.policy_table, fleet.tables_of.marginals[pool.class][pool.level]
  if policy.compare then
    local comparison = policy.compare(fleet, draw, pool.class, pool.level, pool.kind)
    differences.add(fleet, 'reported', comparison[1], comparison[4])
    return comparison
  elseif is_new and differences.is_drawn(tonumber(draw)) then
    differences.add(fleet, 'reported', here, policies.best_marginal(fleet, pool.kind, here))
  end
end

local LEFT_OUT = { OVER_CAPACITY = 'left_out_over_capacity', UNKNOWN_POOL = 'left_out_unknown_pool' }

-- Counts a report that a fleet which observes leaves out.
local function count_left_out(fleet, word)
  local counter = fleet.tables_of.policy_table.observes and LEFT_OUT[word]
  if counter then
    fleet[counter] = fleet[counter] + 1
  end
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
  local kind, unknown = types.of_options(fleet, options)
  if unknown then
    return unknown
  end
  local session, pool, answer = locate(fleet, id, pool_id, kind)
  if answer then
    count_left_out(fleet, answer[1])
    return answer, answer[1] == 'ENDED' and answer[3] or answer[2]
  end
  -- writes
  if session then
    sessions.detach(fleet, id, session)
  end
  local comparison = compare(fleet, draw, pool, not (session or late))
  local placed = reports.place(fleet, id, session, pool, sessions.lease(fleet, lease))
  local reply = sessions.reply(fleet, session and 'MOVED' or 'NEW', placed, comparison)
  local address = comparison and attributes.address(fleet, comparison[2]) or ''
  return reply, pool_id, address ~= '' and address or nil
end
