-- Sessions: `sessions` maps an id to its record (see `records`). `ended:0` and `ended:1` remember ended ids as
-- "reason pool_id" in two generations, the older of which is dropped whole; `early` has ids that never were sessions.
--
-- Each operation reads and checks, then writes; below the line "-- writes" it cannot be refused. What others say of
-- sessions, pools for one, is in `reports`.

sessions = {}

local SURE_RETENTION = 120e6 -- µs, longer than a dispatcher remembers what it may have to replay

-- A live session as the table of its record; nil when there is none.
function sessions.read(fleet, id)
  local record = gather.get(fleet, keys.of_fleet(fleet, 'sessions'), id)
  if not record then
    return nil
  end
  return records.parse(record) or error('the record of session ' .. id .. ' is unreadable')
end

local function write(fleet, id, session)
  gather.set(fleet, keys.of_fleet(fleet, 'sessions'), id, records.text(session))
end

-- Reason and pool id of a session that has ended within the retention time, or whose complete came before its assign;
-- nil when it has not.
function sessions.ended(fleet, id)
  local record = gather.get(fleet, keys.of_ended(fleet, fleet.ended_generation), id)
  if not record and fleet.older_ended > 0 then
    record = gather.get(fleet, keys.of_ended(fleet, 1 - fleet.ended_generation), id)
  end
  if record then
    return string.match(record, '(%S+) (%S*)')
  elseif early.knows(fleet, id) then
    return 'completed_before_assign', ''
  end
  return nil
end

-- An id that has ended stays known for the retention time, and for SURE_RETENTION at least.
function sessions.remember_end(fleet, id, reason, pool_id)
  fleet.revision = fleet.revision + 1
  gather.set(fleet, keys.of_ended(fleet, fleet.ended_generation), id, reason .. ' ' .. pool_id)
end

-- Reads what operations on these sessions will ask for, `fresh` of them about sessions that should not be there yet.
function sessions.expect(fleet, ids, fresh)
  gather.expect(fleet, keys.of_fleet(fleet, 'sessions'), ids)
  if #fresh > 0 then
    gather.expect(fleet, keys.of_ended(fleet, fleet.ended_generation), fresh)
    if fleet.older_ended > 0 then
      gather.expect(fleet, keys.of_ended(fleet, 1 - fleet.ended_generation), fresh)
    end
  end
end

-- The length of a new session's lease in µs: as given, the fleet's where '' is.
function sessions.lease(fleet, given)
  return given == '' and fleet.lease or tonumber(given)
end

-- Places a session on a pool, where it begins now, or began at `start`: the record, the pool's set of ids, the lease;
-- `token` is nil where none decided. The session, and the pool's new occupancy. Counted right after the record is
-- written: should a later step fail, a repair from the records leaves the counters right.
function sessions.begin(fleet, id, number, pool_id, lease, counter, token, start)
  local ids = keys.of_ids(fleet, number)
  local level = redis.call('SCARD', ids) + 1
  local session = {
    number = number, start = start or fleet.time, lease = lease, due = leases.due_after(fleet, lease),
    pool_id = pool_id, placed = records.placed(level, token),
  }
  leases.set(fleet, id, session.due, true)
  write(fleet, id, session)
  fleet[counter] = fleet[counter] + 1
  fleet.revision = fleet.revision + 1
  redis.call('SADD', ids, id)
  return session, level
end

-- {word, pool_id, class, lease, start, due}: where a live session is, and until when.
function sessions.tell(fleet, word, session)
  local class = fleet.class_names[(keys.locate(fleet, session.number))]
  return { word, session.pool_id, class, session.lease, session.start, session.due }
end

-- Takes a session off the pool with this number.
function sessions.leave(fleet, id, number)
  local position, bit = keys.locate(fleet, number)
  local ids = keys.of_ids(fleet, number)
  redis.call('SREM', ids, id)
  ledger.fell(fleet, position, bit, redis.call('SCARD', ids) + 1)
end

-- Puts a live session that has left its pool on another one, which so comes to hold `pool.level`. It began there at
-- `start`, and no token decided; its lease goes on.
function sessions.move(fleet, id, session, pool, start)
  session.number, session.pool_id, session.start = pool.number, pool.id, start
  session.placed = records.placed(pool.level)
  write(fleet, id, session)
  fleet.revision = fleet.revision + 1
  redis.call('SADD', keys.of_ids(fleet, pool.number), id)
end

-- Ends a session: its record, counted and remembered at once as in `begin`, its lease and its place.
function sessions.finish(fleet, id, session, reason)
  gather.set(fleet, keys.of_fleet(fleet, 'sessions'), id, false)
  fleet[reason] = fleet[reason] + 1
  sessions.remember_end(fleet, id, reason, session.pool_id)
  leases.set(fleet, id, session.due, false)
  sessions.leave(fleet, id, session.number)
end

-- id, lease in µs ('' for the fleet's, 0 for none), draw in [0, 1)
--   -> ASSIGNED pool_id class lease start due token | REPLAYED pool_id class lease start due
--    | ENDED reason pool_id | OBSERVES | NO_ACTIVE_POOL | FULL
-- O(classes + log pools).
function sessions.assign(fleet, id, lease, draw)
  local session = sessions.read(fleet, id)
  if session then
    return sessions.tell(fleet, 'REPLAYED', session)
  end
  local reason, ended_on = sessions.ended(fleet, id)
  if reason then
    return { 'ENDED', reason, ended_on }
  end
  if not fleet.rules.choose then
    return { 'OBSERVES' }
  elseif fleet.active_pools == 0 then
    fleet.rejected_no_active_pool = fleet.rejected_no_active_pool + 1
    return { 'NO_ACTIVE_POOL' }
  elseif fleet.session_count == fleet.room_for then
    fleet.rejected_no_capacity = fleet.rejected_no_capacity + 1
    return { 'FULL' }
  end
  -- writes
  policies.tell(fleet, 'ready')
  local judgement = policies.tell(fleet, 'judge')
  local token, position, bit = policies.tell(fleet, 'choose', tonumber(draw))
  local number = keys.pool_number(fleet, position, bit)
  lease = sessions.lease(fleet, lease)
  local begun, level = sessions.begin(fleet, id, number, pools.name(fleet, number), lease, 'assigned', token)
  ledger.rose(fleet, position, bit, level)
  policies.tell(fleet, 'learn', judgement)
  local tally = fleet['assigned_' .. token]
  tally[position] = tally[position] + 1
  local reply = sessions.tell(fleet, 'ASSIGNED', begun)
  reply[#reply + 1] = token
  return reply
end

-- id -> COMPLETED pool_id | ENDED reason pool_id | UNKNOWN. O(1).
function sessions.complete(fleet, id)
  local session = sessions.read(fleet, id)
  if session then
    -- writes
    sessions.finish(fleet, id, session, 'completed')
    return { 'COMPLETED', session.pool_id }
  end
  local reason, ended_on = sessions.ended(fleet, id)
  if reason and reason ~= 'completed_before_assign' then
    return { 'ENDED', reason, ended_on }
  end
  -- writes
  early.remember(fleet, id)
  return { 'UNKNOWN' }
end

-- A session gets another lease, which is over in the second `due`, 0 for never.
local function give_lease(fleet, id, session, lease, due)
  leases.set(fleet, id, session.due, false)
  leases.set(fleet, id, due, true)
  session.lease, session.due = lease, due
  write(fleet, id, session)
  fleet.revision = fleet.revision + 1
end

-- A lease that is over in the second `due` or later, 0 for never: it is never shortened. Whether it was lengthened.
function sessions.lengthen(fleet, id, session, lease, due)
  local is_shorter = session.due > 0 and (due == 0 or due > session.due)
  if is_shorter then
    give_lease(fleet, id, session, lease, due)
  end
  return is_shorter
end

-- id, lease in µs ('' for the session's own, 0 for none from now on)
--   -> RENEWED pool_id class lease start due | EXPIRED | UNKNOWN. O(1).
function sessions.renew(fleet, id, lease)
  local session = sessions.read(fleet, id)
  if not session then
    return { sessions.ended(fleet, id) and 'EXPIRED' or 'UNKNOWN' }
  end
  -- writes
  lease = lease == '' and session.lease or tonumber(lease)
  give_lease(fleet, id, session, lease, leases.due_after(fleet, lease))
  return sessions.tell(fleet, 'RENEWED', session)
end

-- Drops the older generation of ended ids when the younger one is as old as ids are kept. O(1).
function sessions.forget(fleet)
  if fleet.time - fleet.ended_since >= math.max(fleet.retention, SURE_RETENTION) then
    fleet.older_ended = redis.call('HLEN', keys.of_ended(fleet, fleet.ended_generation))
    fleet.ended_generation = 1 - fleet.ended_generation
    fleet.ended_since = fleet.time
    redis.call('UNLINK', keys.of_ended(fleet, fleet.ended_generation))
  end
end
