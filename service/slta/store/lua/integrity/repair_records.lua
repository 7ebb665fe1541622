-- A repair's stage on session records, the source of truth: adds each session to the id set of its pool and to its
-- lease set.

repair_records = {}

-- The number of the pool that a record names. A pool without a record is created again, draining, if its number belongs
-- to a class; else nil.
local function find_pool(fleet, pool_number, pool_id)
  local stored = stored_pools.read(fleet, pool_id).pool_number
  if stored or not keys.locate(fleet, pool_number) then
    return stored
  end
  pool_number = stored_pools.number_for(fleet, pool_id, pool_number)
  if pool_number then
    stored_pools.set(fleet, { pool_id = pool_id, pool_number = pool_number, status = 'draining' })
  end
  return pool_number
end

-- The second in which a lease expires: that of the record, or a full lease from now if that is impossible.
local function normalize_due(fleet, lease, due)
  local latest = records.latest_due(fleet, lease)
  if lease == 0 then
    return 0
  end
  return due > 0 and due <= latest and due or latest
end

local function drop_ended(fleet, id)
  for generation = 0, 1 do
    redis.call('HDEL', keys.of_ended(fleet, generation), id)
  end
  if fleet.early_completes > 0 then
    redis.call('ZREM', keys.of_fleet(fleet, 'early'), id)
  end
end

-- The last word of a session's record, '' if the fleet does not have its type or that may not use the pool's class.
local function type_word(fleet, session)
  local type_index, class_index = records.kind(fleet, session), keys.locate(fleet, session.pool_number or -1)
  local may_stay = type_index > 1 and class_index and session_types.may_use(fleet, type_index, class_index)
  return may_stay and ' t' .. fleet.types.numbers[type_index] or ''
end

-- Corrects the pool number, start, lease end, level, token and type of a session; nil without a pool. Counts in the job
-- those that lose their type.
local function normalize(fleet, session, job)
  session.pool_number = find_pool(fleet, session.pool_number, session.pool_id)
  session.start, session.due = math.min(session.start, fleet.time), normalize_due(fleet, session.lease, session.due)
  local level, token = records.placement(session)
  local word = type_word(fleet, session)
  if session.pool_number and word == '' and records.type_number(session) then
    job.without_type = (job.without_type or 0) + 1
  end
  session.placed = (level and records.placed(level, token) or '') .. word
  return session.pool_number and session
end

local function place(fleet, id, record, job)
  local session = records.parse(record)
  session = session and normalize(fleet, session, job)
  if not session then
    aside.remove(fleet, 'session', id, record)
    return
  end
  local normalized = records.text(session)
  if normalized ~= record then
    redis.call('HSET', keys.of_fleet(fleet, 'sessions'), id, normalized)
  end
  redis.call('SADD', keys.of_ids(fleet, session.pool_number), id)
  if session.due > 0 then
    redis.call('SADD', keys.of_leases(fleet, session.due), id)
    fleet.next_due = math.min(fleet.next_due, session.due)
  end
  drop_ended(fleet, id)
end

-- Repairs some records. O(work).
function repair_records.place(fleet, job, cursor)
  return slices.each_field(fleet, 'sessions', job, cursor, function(id, record) place(fleet, id, record, job) end)
end
