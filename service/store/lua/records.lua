-- Session records: what stands in one, and how the audit and a repair read many at once, without trust.
--
-- A record is "number start lease due pool_id placed": the pool's number, fleet time and duration in µs, the second of
-- fleet time in which the lease is over (0 for none), the pool's id; `placed` is the level that the session took on its
-- pool and the first letter of the token that decided, "3g". A session that was adopted or reported has no letter, and
-- dispatchers of older versions write no `placed` at all.

records = {}

records.CHUNK = 1000 -- words of one command

-- The records of these ids in their order, false where there is none. O(ids).
function records.read_all(fleet, ids)
  return records.read_hash(keys.of_fleet(fleet, 'sessions'), ids)
end

-- Values of these fields of a hash in their order.
function records.read_hash(key, fields)
  local found = {}
  for from = 1, #fields, records.CHUNK do
    local to = math.min(#fields, from + records.CHUNK - 1)
    for _, value in ipairs(redis.call('HMGET', key, unpack(fields, from, to))) do
      found[#found + 1] = value
    end
  end
  return found
end

-- The id of the pool with this number as it is stored, not as operations remember it; false for none.
function records.pool_name(fleet, number)
  return redis.call('HGET', keys.of_fleet(fleet, 'names'), number)
end

-- A record as a table, `placed` with the space before it, '' for none; nil when what stands before is unreadable.
function records.parse(record)
  local number, start, lease, due, pool_id, placed =
    string.match(record or '', '^(%d+) (%d+) (%d+) (%d+) (%S+)(.*)$')
  return number and {
    number = tonumber(number), start = tonumber(start), lease = tonumber(lease), due = tonumber(due),
    pool_id = pool_id, placed = placed,
  }
end

-- The inverse.
function records.text(session)
  return string.format(
    '%d %d %d %d %s%s', session.number, session.start, session.lease, session.due, session.pool_id, session.placed
  )
end

-- `placed` for a level, and a token where one decided.
function records.placed(level, token)
  return ' ' .. level .. string.sub(token or '', 1, 1)
end

-- The level and the token of a session, nil for what its record does not tell.
function records.placement(session)
  local level, letter = string.match(session.placed, '^ ([1-9]%d?%d?%d?)(%a?)$')
  return tonumber(level), policies.token(letter)
end

-- The latest second in which a lease of this length can be over.
function records.latest_due(fleet, lease)
  return math.floor((fleet.time + lease) / 1e6) + 1
end
