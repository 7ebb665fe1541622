-- The audit of session records, each against its pool's set and its lease's set, and of leases against records.

audit_records = {}

local function check_place(fleet, look, id, session)
  look:claim('session ' .. id .. ': its pool', records.pool_name(fleet, session.number), session.pool_id)
  if redis.call('SISMEMBER', keys.of_ids(fleet, session.number), id) == 0 then
    look:say('session ' .. id .. ': is not among the ids of its pool')
  end
  if session.placed ~= '' and not records.placement(session) then
    look:say('session ' .. id .. ': its level and token are unreadable')
  end
end

local function check_lease(fleet, look, id, lease, due)
  if (due > 0) ~= (lease > 0) then
    look:say('session ' .. id .. ': has a lease without an end, or an end without a lease')
  elseif due > 0 then
    if redis.call('SISMEMBER', keys.of_leases(fleet, due), id) == 0 then
      look:say('session ' .. id .. ': is not among the leases of its second')
    end
    if due < fleet.next_due then
      look:say('session ' .. id .. ': its lease was passed over')
    elseif due > records.latest_due(fleet, lease) then
      look:say('session ' .. id .. ': its lease ends later than it can')
    end
  end
end

local function check_record(fleet, look, id, record)
  local session = records.parse(record)
  if not session then
    look:say('session ' .. id .. ': its record is unreadable')
    return
  end
  check_place(fleet, look, id, session)
  check_lease(fleet, look, id, session.lease, session.due)
  if session.start > fleet.time then
    look:say('session ' .. id .. ': began in the future')
  end
end

local function check_ended(fleet, look, ids)
  for generation = 0, 1 do
    for at, ended in ipairs(records.read_hash(keys.of_ended(fleet, generation), ids)) do
      if ended then
        look:say('session ' .. ids[at] .. ': is both live and ended')
      end
    end
  end
  for _, id in ipairs(ids) do
    if early.knows(fleet, id) then
      look:say('session ' .. id .. ': is live though its complete came before')
    end
  end
end

-- Some records. O(work).
function audit_records.check(fleet, look, cursor)
  local count = math.ceil(look.left / 6)
  local found = redis.call('HSCAN', keys.of_fleet(fleet, 'sessions'), cursor == '' and '0' or cursor, 'COUNT', count)
  local ids = {}
  for at = 1, #found[2], 2 do
    ids[#ids + 1] = found[2][at]
    check_record(fleet, look, found[2][at], found[2][at + 1])
  end
  check_ended(fleet, look, ids)
  return found[1] ~= '0' and found[1] or nil
end

-- The ids of a second's leases, some from `cursor` on, have records that say so; where to go on.
local function check_second(fleet, look, second, cursor)
  local count = math.max(10, math.ceil(look.left / 4))
  local found = redis.call('SSCAN', keys.of_leases(fleet, second), cursor, 'COUNT', count)
  for at, record in ipairs(records.read_all(fleet, found[2])) do
    local session = records.parse(record)
    if not session or session.due ~= second then
      look:say(string.format('session %s: is among the leases of second %d and has none there', found[2][at], second))
    end
  end
  look:worked(2 + 4 * #found[2])
  return found[1]
end

-- cursor: seconds that are to be looked at, the first with a cursor of its own: "second/cursor second second". O(work).
function audit_records.check_leases(fleet, look, cursor)
  local left = vectors.split(cursor)
  for at, word in ipairs(left) do
    local second, from = string.match(word, '^(%d+)/?(%d*)$')
    local stopped = from == '' and '0' or from
    repeat
      stopped = check_second(fleet, look, tonumber(second), stopped)
    until stopped == '0' or look.left <= 0
    if look.left <= 0 then
      left[at] = second .. '/' .. stopped
      return table.concat(left, ' ', stopped == '0' and at + 1 or at)
    end
  end
end
