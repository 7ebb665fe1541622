-- Sessions: `sessions` maps an id to "pool_id type start lease due level token", `ids:<number>` has the ids on a pool.
-- The type is its permanent number; start and lease are in µs; due is the second in which the lease ends, 0 without
-- one. `level` is the one that the session took on its pool, `token` the first letter of what the policy decided by, -
-- without a decision.
--
-- Each operation reads and checks, then writes; below the line "-- writes" it cannot be refused.

sessions = {}

local RECORD = '^(%S+) (%d+) (%d+) (%d+) (%d+) (%d+) (%S)$'
local TOKENS = { g = 'green', y = 'yellow', n = 'none', o = 'open' }

-- Reads what operations on these ids need; `new_ids` are those that may be assigned.
function sessions.prefetch(fleet, ids, new_ids)
  records.prefetch(fleet.tables_of.keys.sessions, ids)
  ended_ids.prefetch(fleet, new_ids)
end

-- Parses a record; nil if it is unreadable.
function sessions.parse(record)
  local pool_id, number, start, lease, due, level, letter = string.match(record, RECORD)
  return pool_id and {
    pool_id = pool_id, number = number + 0, start = start + 0, lease = lease + 0, due = due + 0, level = level,
    letter = letter,
  }
end

-- A live session as a table; nil if there is none. An error if its record is unreadable.
function sessions.read(fleet, id)
  local record = records.get(fleet.tables_of.keys.sessions, id)
  return record and (sessions.parse(record) or error('the record of session ' .. id .. ' is unreadable')) or nil
end

-- The token of a session, nil if no policy placed it.
function sessions.token(session)
  return TOKENS[session.letter]
end

-- The kind of a session.
function sessions.kind(fleet, session)
  return session.number == 0 and 1 or types.of_number(fleet, session.number)
end

-- The record of a session.
function sessions.text(session)
  local term = leases.term(session.start, session.lease, session.due)
  return session.pool_id .. ' ' .. session.number .. ' ' .. term .. ' ' .. session.level .. ' ' .. session.letter
end

local function write(fleet, id, session)
  state.touch(fleet)
  records.set(fleet.tables_of.keys.sessions, id, sessions.text(session))
end

-- The length of a new session's lease in µs: `given`, or the fleet's if `given` is ''.
function sessions.lease(fleet, given)
  return given == '' and fleet.tables_of.lease or given + 0
end

-- The class of a session's pool, and behind a blank the session's type if that is not the default one.
function sessions.class_and_type(fleet, session)
  local compiled, kind = fleet.tables_of, sessions.kind(fleet, session)
  local class = compiled.names[pool_records.place(fleet, session.pool_id).class]
  return kind > 1 and class .. ' ' .. compiled.types.names[kind] or class
end

-- {word, pool_id, class and type, lease, start, due, detail} of a live session, and its pool_id. `detail` depends on
-- the word.
function sessions.reply(fleet, word, session, detail)
  local class = sessions.class_and_type(fleet, session)
  return { word, session.pool_id, class, session.lease, session.start, session.due, detail or '' }, session.pool_id
end

-- A session of a kind comes to a place (`change` is 1), which may be of a pool that is not in service, or leaves it
-- (-1): its sorted set, and what follows. Returns the new occupancy as text.
local function occupy(fleet, id, place, kind, change)
  if redis.call(change > 0 and 'SADD' or 'SREM', place.ids, id) == 0 then
    error('session ' .. id .. (change > 0 and ' is on its pool without a record' or ' is not on its pool'))
  end
  if place.set ~= 'leaving' then
    local level, score = occupancies.change(fleet, place.set, place.class, place.number, change)
    policies.on_change(fleet, place, change > 0 and level or level + 1, change, kind)
    return score
  end
  types.move_elsewhere(fleet, kind, place.number, change)
  local key = fleet.tables_of.keys.leaving[place.class]
  local score = redis.call('ZINCRBY', key, change, place.number)
  if score == '0' then
    redis.call('ZREM', key, place.number)
  end
  return score
end

-- Puts a session of a kind on a place; returns the pool's new occupancy as text.
function sessions.enter(fleet, id, place, kind)
  return occupy(fleet, id, place, kind, 1)
end

-- Puts a new session of a kind on a place: id, occupancy, record and lease; `letter` is that of its token, `counter`
-- counts it. Returns the session.
function sessions.begin(fleet, id, kind, place, lease, counter, letter)
  local number = kind == 1 and 0 or fleet.tables_of.types.numbers[kind]
  local session = {
    pool_id = place.pool_id, number = number, start = fleet.time, lease = lease, due = leases.due(fleet, lease),
    letter = letter,
  }
  session.level = sessions.enter(fleet, id, place, kind)
  write(fleet, id, session)
  leases.set(fleet, session.due, id, true)
  fleet[counter] = fleet[counter] + 1
  if fleet.recovering_until > 0 then
    incarnations.note(fleet, id)
  end
  if fleet.refused > 0 then
    refused_ids.remove(fleet, id)
  end
  return session
end

-- Takes a session off its pool.
function sessions.detach(fleet, id, session)
  occupy(fleet, id, pool_records.place(fleet, session.pool_id), sessions.kind(fleet, session), -1)
end

-- Moves a live session, detached from its former pool, to a place, where it begins now without a token; its lease and
-- type are kept.
function sessions.move(fleet, id, session, place)
  session.pool_id, session.start, session.letter = place.pool_id, fleet.time, '-'
  session.level = sessions.enter(fleet, id, place, sessions.kind(fleet, session))
  write(fleet, id, session)
  if fleet.recovering_until > 0 then
    incarnations.note(fleet, id)
  end
end

-- Ends a session.
function sessions.finish(fleet, id, session, reason)
  records.set(fleet.tables_of.keys.sessions, id, false)
  ended_ids.add(fleet, id, reason, session.pool_id)
  leases.set(fleet, session.due, id, false)
  sessions.detach(fleet, id, session)
  fleet[reason] = fleet[reason] + 1
end

-- Ends at most `count` sessions of a pool; returns the number.
function sessions.finish_some(fleet, pool, count, reason)
  local ids = redis.call('SRANDMEMBER', pool_records.place(fleet, pool.pool_id).ids, count)
  for _, id in ipairs(ids) do
    local session = sessions.read(fleet, id)
    if session then
      sessions.finish(fleet, id, session, reason)
    else
      state.doubt(fleet, 'session ' .. id .. ' has no record') -- a rebuild gives it one
    end
  end
  records.write()
  return #ids
end

local function expire(fleet, id)
  local session = sessions.read(fleet, id)
  if not session or session.due ~= fleet.next_due then
    error('session ' .. id .. ' is in the lease set of second ' .. fleet.next_due .. ' without a lease there')
  end
  sessions.finish(fleet, id, session, 'expired')
end

-- Ends sessions whose lease has ended.
function sessions.reap(fleet)
  leases.reap(fleet, expire)
end

-- Replaces a session's lease; the new one expires in the second `due`, 0 for never.
local function set_lease(fleet, id, session, lease, due)
  leases.set(fleet, session.due, id, false)
  leases.set(fleet, due, id, true)
  session.lease, session.due = lease, due
  write(fleet, id, session)
end

-- Restarts a lease, with its own length if `lease` is ''.
function sessions.restart_lease(fleet, id, session, lease)
  lease = lease == '' and session.lease or tonumber(lease)
  set_lease(fleet, id, session, lease, leases.due(fleet, lease))
end

-- Gives a session a lease of so many µs from now on if it ends later than its own, 0 for never. Returns whether it
-- does.
function sessions.lengthen(fleet, id, session, lease)
  local due = leases.due(fleet, lease)
  local is_longer = due > session.due or due == session.due and lease > session.lease
  if session.due > 0 and (due == 0 or is_longer) then
    set_lease(fleet, id, session, lease, due)
    return true
  end
end

-- The reply of an operation on a session, its pool_id, and the pool's labels if `options` has the word.
function sessions.with_labels(fleet, options, reply, pool_id)
  local wanted = options ~= '' and string.find(options, ' labels', 1, true)
  return reply, pool_id, wanted and attributes.labels(fleet, pool_id) or nil
end

-- id, two words without meaning, options: "unmarked" to leave no tombstone of an unknown id
--   -> COMPLETED pool_id | ENDED reason pool_id | UNKNOWN | UNMARKED if it is unknown and has no tombstone
--    | RECOVERING if it may be restored. O(log pools).
function sessions.complete(fleet, id, _, _, options)
  local session = sessions.read(fleet, id)
  if session then
    -- writes
    sessions.finish(fleet, id, session, 'completed')
    return { 'COMPLETED', session.pool_id }, session.pool_id
  end
  local ended, ended_on = ended_ids.find(fleet, id)
  if ended and ended[2] ~= 'completed_before_assign' then
    return ended, ended_on
  elseif not ended and incarnations.is_recovering(fleet) then
    return { 'RECOVERING' }
  elseif options == 'unmarked' then
    return { 'UNMARKED' }
  end
  -- writes
  ended_ids.add_tombstone(fleet, id)
  return { 'UNKNOWN' }
end

-- id, lease in µs ('' for the session's own, 0 for none from now on)
--   -> RENEWED pool_id class lease start due '' | EXPIRED | UNKNOWN | RECOVERING. O(1).
function sessions.renew(fleet, id, lease)
  local session = sessions.read(fleet, id)
  if not session then
    local is_recovering = incarnations.is_recovering(fleet)
    return { ended_ids.find(fleet, id) and 'EXPIRED' or is_recovering and 'RECOVERING' or 'UNKNOWN' }
  end
  -- writes
  sessions.restart_lease(fleet, id, session, lease)
  return (sessions.reply(fleet, 'RENEWED', session)) -- without the pool_id: nobody asks for its address
end
