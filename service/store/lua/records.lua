-- Session records as the audit and a repair read them: without trust, and many at once.

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

-- A record's number, start, lease, due and pool id; nil when it is unreadable.
function records.parse(record)
  local number, start, lease, due, pool_id = string.match(record or '', '^(%d+) (%d+) (%d+) (%d+) (%S+)$')
  if not number then
    return nil
  end
  return tonumber(number), tonumber(start), tonumber(lease), tonumber(due), pool_id
end

-- The latest second in which a lease of this length can be over.
function records.latest_due(fleet, lease)
  return math.floor((fleet.time + lease) / 1e6) + 1
end
