-- Session records, the source of truth: what each has to be, and the sets that it determines, the ids of its pool and
-- those of the second in which its lease ends.

session_records = {}

-- The second in which a lease expires: that of the record, or a full lease from now if that is impossible.
local function normal_due(fleet, session)
  local latest = records.latest_due(fleet, session.lease)
  if session.lease == 0 then
    return 0
  end
  return session.due > 0 and session.due <= latest and session.due or latest
end

-- The level and token of a session as far as they are readable, and its type, unless the fleet does not have that or it
-- may not use the pool's class.
local function normal_placed(fleet, session)
  if string.find(session.placed, '^ [1-9]%d?%d?%d?%l?$') then
    return session.placed
  end
  local level, token = records.placement(session)
  local type_index, class_index = records.kind(fleet, session), keys.locate(fleet, session.pool_number)
  local may_stay = type_index > 1 and class_index and session_types.may_use(fleet, type_index, class_index)
  local word = may_stay and ' t' .. fleet.types.numbers[type_index] or ''
  return (level and records.placed(level, token) or '') .. word
end

-- The session of a record as it has to be, `has_pool` if its pool has a record; nil, why and the id of its pool if it
-- cannot be kept.
function session_records.normalize(fleet, record)
  local session = records.parse(record)
  if not session then
    return nil, 'its record is unreadable', ''
  end
  local pool_number = stored_pools.number(fleet, session.pool_id)
  session.has_pool, session.pool_number = pool_number ~= nil, pool_number or session.pool_number
  if not keys.locate(fleet, session.pool_number) then
    return nil, 'no class has the number of its pool', session.pool_id
  end
  session.start, session.due = math.min(session.start, fleet.time), normal_due(fleet, session)
  session.placed = normal_placed(fleet, session)
  return session
end

local function index(fleet, slice, id, session)
  slice:member(keys.of_ids(fleet, session.pool_number), id)
  if session.due > 0 then
    slice:member(keys.of_leases(fleet, session.due), id)
    slice:at_most(fleet, 'next_due', session.due)
  end
end

-- No live session has ended, nor was completed before its assign.
local function check_ended(fleet, slice, ids)
  for generation = 0, 1 do
    for at, ended in ipairs(records.read_all(keys.of_ended(fleet, generation), ids)) do
      if ended then
        slice:over(fleet, ids[at], 'ended:' .. generation)
      end
    end
  end
  for _, id in ipairs(ids[1] and redis.call('EXISTS', keys.of_fleet(fleet, 'early')) == 1 and ids or {}) do
    if expiring_ids.contains(fleet, 'early', id) then
      slice:over(fleet, id, 'early')
    end
  end
end

-- A part: some records, and what they determine unless the slice is of a survey. O(work).
function session_records.walk(fleet, slice, cursor)
  local ids = {}
  local following = slices.each_pair(fleet, 'sessions', slice, cursor, function(id, record)
    local session, why, pool_id = session_records.normalize(fleet, record)
    if session and not (session.has_pool or slice.is_survey) then
      session.pool_number = slice:make_pool(fleet, id, session)
    end
    if session and session.pool_number and not slice.is_survey then
      slice:record(fleet, 'session', id, record, records.text(session))
      index(fleet, slice, id, session)
      ids[#ids + 1] = id
    elseif not slice.is_survey or not session then
      slice:record(fleet, 'session', id, record, nil, why, pool_id)
    end
  end)
  check_ended(fleet, slice, ids)
  return following
end

-- Checks from a position some ids of a lease set, "leases:<second>": each has a record with this second. Returns the
-- next position.
function session_records.check_leases(fleet, report, name, position)
  local second = tonumber(string.match(name, '%d+'))
  local count = math.max(10, math.ceil(report.budget / 4))
  local found = redis.call('SSCAN', fleet.prefix .. name, position, 'COUNT', count)
  for at, record in ipairs(records.read_all(keys.of_fleet(fleet, 'sessions'), found[2])) do
    local session = records.parse(record)
    if not session or session.due ~= second then
      local text = 'session %s: is in the lease set of second %d without a lease there'
      report:add(string.format(text, found[2][at], second))
    end
  end
  report:spend(2 + 4 * #found[2])
  return found[1]
end
