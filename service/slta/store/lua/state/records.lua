-- Session records: their format, and bulk reads for audit and repair, which do not trust what is stored.
--
-- A record is "pool_number start lease due pool_id placed": fleet time and duration in µs, the second of fleet time in
-- which the lease expires (0 without a lease), and the pool's id. `placed` is the level that the session took on its
-- pool and the first letter of its token, "3g"; without a letter if the session was adopted or reported. A repair that
-- cannot recover `placed` leaves it out. The last word is the number of the session's type, "t2"; the default
-- one has none.

records = {}

records.CHUNK = 1000 -- arguments of one command

-- The values of these fields of a hash in order, false if missing. O(fields).
function records.read_all(key, fields)
  local found = {}
  for from = 1, #fields, records.CHUNK do
    local to = math.min(#fields, from + records.CHUNK - 1)
    for _, value in ipairs(redis.call('HMGET', key, unpack(fields, from, to))) do
      found[#found + 1] = value
    end
  end
  return found
end

-- The id of the pool with this number, as stored rather than as cached; false if there is none.
function records.pool_name(fleet, pool_number)
  return redis.call('HGET', keys.of_fleet(fleet, 'names'), pool_number)
end

-- Parses a record to a table; `placed` includes its leading space, or is ''. Nil if another field is unreadable.
function records.parse(record)
  local pool_number, start, lease, due, pool_id, placed =
    string.match(record or '', '^(%d+) (%d+) (%d+) (%d+) (%S+)(.*)$')
  return pool_number and {
    pool_number = pool_number + 0, start = start + 0, lease = lease + 0, due = due + 0,
    pool_id = pool_id, placed = placed,
  }
end

-- Formats a record.
function records.text(session)
  return string.format(
    '%d %d %d %d %s%s', session.pool_number, session.start, session.lease, session.due, session.pool_id, session.placed
  )
end

-- `placed` for a level, a token, nil if no token decided, and the number of the session's type, nil or 0 for the
-- default one.
function records.placed(level, token, number)
  return ' ' .. level .. string.sub(token or '', 1, 1) .. ((number or 0) > 0 and ' t' .. number or '')
end

-- The level and the token of a session, nil if its record does not have them.
function records.placement(session)
  local level, letter = string.match((string.gsub(session.placed, ' t%d+$', '')), '^ ([1-9]%d?%d?%d?)(%a?)$')
  return tonumber(level), policy_tables.tokens()[letter]
end

-- The number of a session's type; nil for the default one.
function records.type_number(session)
  return tonumber(string.match(session.placed, ' t(%d+)$'))
end

-- The kind of a session: 1 without a type in its record, or if the fleet does not have that type.
function records.kind(fleet, session)
  local number = fleet.types and records.type_number(session)
  return number and fleet.types.by_number[number] or 1
end

-- The latest second in which a lease of this length can expire.
function records.latest_due(fleet, lease)
  return math.floor((fleet.time + lease) / 1e6) + 1
end
