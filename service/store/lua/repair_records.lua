-- A repair's stage on session records, the truth: each gets its place in its pool's set and in its lease's set.

repair_records = {}

-- The number of the pool that a record names. A pool that has no record is there again, draining, where a class can be
-- told from the number; else nil.
local function find_pool(fleet, number, pool_id)
  local stored = repair_pools.parse(fleet, redis.call('HGET', keys.of_fleet(fleet, 'pools'), pool_id))
  local position = keys.locate(fleet, number)
  if stored then
    return stored
  elseif not position then
    return nil
  end
  if records.pool_name(fleet, number) then
    number = repair_pools.free_number(fleet, position)
  end
  if number then
    repair_pools.set(fleet, pool_id, number, 'draining')
  end
  return number
end

-- The second in which a lease is over: the one of the record, unless it cannot be; then a whole lease from now.
local function mend_due(fleet, lease, due)
  local latest = records.latest_due(fleet, lease)
  if lease == 0 then
    return 0
  end
  return due > 0 and due <= latest and due or latest
end

local function forget_end(fleet, id)
  for generation = 0, 1 do
    redis.call('HDEL', keys.of_ended(fleet, generation), id)
  end
  if fleet.early_completes > 0 then
    redis.call('ZREM', keys.of_fleet(fleet, 'early'), id)
  end
end

local function set_aside(fleet, id, record)
  repair.set_aside(fleet, 'session ' .. id, record)
  redis.call('HDEL', keys.of_fleet(fleet, 'sessions'), id)
end

-- The session with the number of its pool, a start and an end of its lease that can be, and a level and token that can
-- be read or none; nil without a pool.
local function mend(fleet, session)
  session.number = find_pool(fleet, session.number, session.pool_id)
  session.start, session.due = math.min(session.start, fleet.time), mend_due(fleet, session.lease, session.due)
  session.placed = records.placement(session) and session.placed or ''
  return session.number and session
end

local function place(fleet, id, record)
  local session = records.parse(record)
  session = session and mend(fleet, session)
  if not session then
    set_aside(fleet, id, record)
    return
  end
  local mended = records.text(session)
  if mended ~= record then
    redis.call('HSET', keys.of_fleet(fleet, 'sessions'), id, mended)
  end
  redis.call('SADD', keys.of_ids(fleet, session.number), id)
  if session.due > 0 then
    redis.call('SADD', keys.of_leases(fleet, session.due), id)
    fleet.next_due = math.min(fleet.next_due, session.due)
  end
  forget_end(fleet, id)
end

-- Some records. O(work).
function repair_records.place(fleet, job, cursor)
  return repair_pools.each_field_of(keys.of_fleet(fleet, 'sessions'), job, cursor, function(id, record)
    place(fleet, id, record)
  end)
end
