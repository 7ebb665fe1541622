-- Sessions. `sessions` maps an id to its record (see `records`). `ended:0` and `ended:1` map ended ids to "reason
-- pool_id" in two generations; the older one is dropped as a whole. `early` has ids that were completed before they
-- were assigned (see `expiring_ids`).
--
-- Each operation reads and checks, then writes; below the line "-- writes" it cannot be refused. Reports of sessions by
-- pools and others are in `reports`.

sessions = {}

local MIN_RETENTION = 120e6 -- µs, longer than the replay log of a dispatcher
local TOMBSTONE = 120e6 -- µs

-- The record of a live session as a table; nil if there is none.
function sessions.read(fleet, id)
  local record = write_buffer.get(fleet, 'sessions', id)
  if not record then
    return nil
  end
  return records.parse(record) or error('the record of session ' .. id .. ' is unreadable')
end

-- {ENDED, reason, pool_id} and the pool_id of a session that ended within the retention time, or was completed before
-- its assign; else nil.
function sessions.ended(fleet, id)
  local record = write_buffer.get(fleet, keys.ended(fleet.ended_generation), id)
    or fleet.older_ended > 0 and write_buffer.get(fleet, keys.ended(1 - fleet.ended_generation), id)
  if record then
    local reason, pool_id = string.match(record, '^(%S+) (%S*)$')
    return { 'ENDED', reason or 'completed', pool_id or '' }, pool_id or ''
  elseif fleet.early > 0 and expiring_ids.contains(fleet, 'early', id) then
    return { 'ENDED', 'completed_before_assign', '' }, ''
  end
end

-- Adds an ended id, which is kept for the retention time, but at least MIN_RETENTION.
function sessions.add_ended(fleet, id, reason, pool_id)
  fleet.revision = fleet.revision + 1
  write_buffer.set(fleet, keys.ended(fleet.ended_generation), id, reason .. ' ' .. pool_id)
end

-- Leaves a tombstone of an unknown id.
function sessions.add_tombstone(fleet, id)
  fleet.revision = fleet.revision + 1
  expiring_ids.add(fleet, 'early', id, TOMBSTONE)
end

-- Prefetches the records of `ids`, and of `new_ids` whether they have ended.
function sessions.prefetch(fleet, ids, new_ids)
  write_buffer.prefetch(fleet, 'sessions', ids)
  write_buffer.prefetch(fleet, keys.ended(fleet.ended_generation), new_ids)
  if fleet.older_ended > 0 then
    write_buffer.prefetch(fleet, keys.ended(1 - fleet.ended_generation), new_ids)
  end
end

-- The length of a new session's lease in µs: `given`, or the fleet's if `given` is ''.
function sessions.lease(fleet, given)
  return given == '' and fleet.lease or given + 0
end

-- Places a session of a type on a pool: record, id set and lease. It begins at `start`, by default now; `token` is nil
-- if the policy did not decide. Returns the session and the pool's new occupancy. The counter is incremented right
-- after the record is written, so that if a later step fails, a repair from the records leaves the counters correct.
function sessions.begin(fleet, id, type_index, pool_number, pool_id, lease, counter, token, start)
  local ids = keys.of_ids(fleet, pool_number)
  local level = redis.call('SCARD', ids) + 1
  local session = {
    pool_number = pool_number, start = start or fleet.time, lease = lease,
    due = lease == 0 and 0 or records.latest_due(fleet, lease),
    pool_id = pool_id, placed = records.placed(level, token, fleet.types and fleet.types.numbers[type_index]),
  }
  leases.set(fleet, id, session.due, true)
  write_buffer.set(fleet, 'sessions', id, records.text(session))
  state.count(fleet, counter)
  if fleet.refused > 0 then
    refused_ids.remove(fleet, id)
  end
  fleet.revision = fleet.revision + 1
  redis.call('SADD', ids, id)
  return session, level
end

-- The class of a session's pool, and behind a blank the session's type if that is not the default one.
function sessions.class_and_type(fleet, session)
  local class = fleet.names[(keys.locate(fleet, session.pool_number))]
  local type_index = fleet.types and records.kind(fleet, session) or 1
  return type_index > 1 and class .. ' ' .. fleet.types.names[type_index] or class
end

-- {word, pool_id, class and type, lease, start, due, detail} of a live session, and its pool_id. `detail` depends on
-- the word.
function sessions.reply(fleet, word, session, detail)
  local class = sessions.class_and_type(fleet, session)
  return { word, session.pool_id, class, session.lease, session.start, session.due, detail or '' }, session.pool_id
end

-- Removes a session from its pool.
function sessions.detach(fleet, id, session)
  local class_index, pool_index = keys.locate(fleet, session.pool_number)
  local ids = keys.of_ids(fleet, session.pool_number)
  redis.call('SREM', ids, id)
  local level, type_index = redis.call('SCARD', ids) + 1, fleet.kinds > 0 and records.kind(fleet, session)
  derived.on_change(fleet, class_index, pool_index, level, -1, type_index)
end

-- Moves a live session, detached from its former pool, to another pool, whose occupancy becomes `pool.level`. It began
-- there at `start`, without a token; its lease and its type are kept.
function sessions.move(fleet, id, session, pool, start)
  session.pool_number, session.pool_id, session.start = pool.pool_number, pool.pool_id, start
  session.placed = records.placed(pool.level, nil, records.type_number(session))
  write_buffer.set(fleet, 'sessions', id, records.text(session))
  fleet.revision = fleet.revision + 1
  redis.call('SADD', keys.of_ids(fleet, pool.pool_number), id)
end

-- Sets the start of a live session on its pool.
function sessions.set_start(fleet, id, session, start)
  session.start = start
  write_buffer.set(fleet, 'sessions', id, records.text(session))
  fleet.revision = fleet.revision + 1
end

-- Ends a session: record, counter and ended id first, as in `begin`, then lease and pool.
function sessions.finish(fleet, id, session, reason)
  write_buffer.set(fleet, 'sessions', id, false)
  state.count(fleet, reason)
  sessions.add_ended(fleet, id, reason, session.pool_id)
  leases.set(fleet, id, session.due, false)
  sessions.detach(fleet, id, session)
end

-- Ends at most `count` sessions of a pool; returns the number.
function sessions.finish_some(fleet, pool_number, count, reason)
  local ids = redis.call('SRANDMEMBER', keys.of_ids(fleet, pool_number), count)
  for _, id in ipairs(ids) do
    local session = sessions.read(fleet, id) or error('session ' .. id .. ' has no record')
    sessions.finish(fleet, id, session, reason)
  end
  return #ids
end

local function expire(fleet, id)
  local session = sessions.read(fleet, id)
  if not session or session.due ~= fleet.next_due then
    error('session ' .. id .. ' is in the lease set of second ' .. fleet.next_due .. ' without a lease there')
  end
  sessions.finish(fleet, id, session, 'expired')
end

-- Ends sessions with expired leases.
function sessions.reap(fleet)
  leases.reap(fleet, expire)
end

-- Replaces a session's lease; the new one expires in the second `due`, 0 for never.
local function set_lease(fleet, id, session, lease, due)
  leases.set(fleet, id, session.due, false)
  leases.set(fleet, id, due, true)
  session.lease, session.due = lease, due
  write_buffer.set(fleet, 'sessions', id, records.text(session))
  fleet.revision = fleet.revision + 1
end

-- Restarts a lease, with its own length if `lease` is ''.
function sessions.restart_lease(fleet, id, session, lease)
  lease = lease == '' and session.lease or tonumber(lease)
  set_lease(fleet, id, session, lease, lease == 0 and 0 or records.latest_due(fleet, lease))
end

-- The reply of an operation on a session, its pool_id, and the pool's labels if `options` has the word.
function sessions.with_labels(fleet, options, reply, pool_id)
  local wanted = options ~= '' and string.find(options, ' labels', 1, true)
  return reply, pool_id, wanted and attributes.labels(fleet, pool_id) or nil
end

-- id, two words without meaning, options: "unmarked" to leave no tombstone of an unknown id
--   -> COMPLETED pool_id | ENDED reason pool_id | UNKNOWN | UNMARKED if it is unknown and has no tombstone
--    | RECOVERING if it may be replayed. O(1).
function sessions.complete(fleet, id, _, _, options)
  local session = sessions.read(fleet, id)
  if session then
    -- writes
    sessions.finish(fleet, id, session, 'completed')
    return { 'COMPLETED', session.pool_id }, session.pool_id
  end
  local ended, ended_on = sessions.ended(fleet, id)
  if ended and ended[2] ~= 'completed_before_assign' then
    return ended, ended_on
  elseif not ended and incarnations.is_recovering(fleet) then
    return { 'RECOVERING' }
  elseif options == 'unmarked' then
    marks.answer(fleet, id)
    return { 'UNMARKED' }
  end
  -- writes
  sessions.add_tombstone(fleet, id)
  return { 'UNKNOWN' }
end

-- Extends a lease to the second `due`, 0 for never; a lease is never shortened. Returns whether it was extended.
function sessions.extend_lease(fleet, id, session, lease, due)
  local is_shorter = session.due > 0 and (due == 0 or due > session.due)
  if is_shorter then
    set_lease(fleet, id, session, lease, due)
  end
  return is_shorter
end

-- The reply to a renewal of an unknown session, which a replay does not restore after it.
local function refuse_unknown(fleet, id)
  if incarnations.is_recovering(fleet) then
    return 'RECOVERING'
  end
  marks.answer(fleet, id)
  return 'UNKNOWN'
end

-- id, lease in µs ('' for the session's own, 0 for none from now on)
--   -> RENEWED pool_id class lease start due '' | EXPIRED | UNKNOWN | RECOVERING. O(1).
function sessions.renew(fleet, id, lease)
  local session = sessions.read(fleet, id)
  if not session then
    return { sessions.ended(fleet, id) and 'EXPIRED' or refuse_unknown(fleet, id) }
  end
  -- writes
  sessions.restart_lease(fleet, id, session, lease)
  return (sessions.reply(fleet, 'RENEWED', session)) -- without the pool_id: nobody asks for its address
end

-- Drops the older generation of ended ids once the younger one has reached the retention time. O(1).
function sessions.rotate_ended(fleet)
  cold.load(fleet, 'ended_since', 'retention')
  if fleet.time - fleet.ended_since >= math.max(fleet.retention, MIN_RETENTION) then
    fleet.older_ended = redis.call('HLEN', keys.of_ended(fleet, fleet.ended_generation))
    fleet.ended_generation = 1 - fleet.ended_generation
    fleet.ended_since = fleet.time
    marks.drop(fleet)
    redis.call('UNLINK', keys.of_ended(fleet, fleet.ended_generation))
  end
end
