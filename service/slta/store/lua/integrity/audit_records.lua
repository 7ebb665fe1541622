-- The audit of session records against the id sets of pools and the lease sets, and of lease sets against records.

audit_records = {}

local function check_place(fleet, report, id, session)
  report:expect_equal('session ' .. id .. ': its pool', records.pool_name(fleet, session.pool_number), session.pool_id)
  if redis.call('SISMEMBER', keys.of_ids(fleet, session.pool_number), id) == 0 then
    report:add('session ' .. id .. ': is not in the id set of its pool')
  end
  if session.placed ~= '' and not string.find(session.placed, '^ t%d+$') and not records.placement(session) then
    report:add('session ' .. id .. ': its level and token are unreadable')
  end
end

local function check_lease(fleet, report, id, lease, due)
  if (due > 0) ~= (lease > 0) then
    report:add('session ' .. id .. ': has a lease without an end or an end without a lease')
  elseif due > 0 then
    if redis.call('SISMEMBER', keys.of_leases(fleet, due), id) == 0 then
      report:add('session ' .. id .. ': is not in the lease set of its second')
    end
    if due < fleet.next_due then
      report:add('session ' .. id .. ': its lease has expired and was not ended')
    elseif due > records.latest_due(fleet, lease) then
      report:add('session ' .. id .. ': its lease ends later than its length allows')
    end
  end
end

local function check_record(fleet, report, id, record)
  local session = records.parse(record)
  if not session then
    report:add('session ' .. id .. ': its record is unreadable')
    return
  end
  check_place(fleet, report, id, session)
  audit_types.check_record(fleet, report, id, session)
  check_lease(fleet, report, id, session.lease, session.due)
  if session.start > fleet.time then
    report:add('session ' .. id .. ': began in the future')
  end
end

local function check_ended(fleet, report, ids)
  for generation = 0, 1 do
    for at, ended in ipairs(records.read_all(keys.of_ended(fleet, generation), ids)) do
      if ended then
        report:add('session ' .. ids[at] .. ': is both live and ended')
      end
    end
  end
  for _, id in ipairs(ids) do
    if tombstones.contains(fleet, id) then
      report:add('session ' .. id .. ': is live although it was completed before its assign')
    end
  end
end

-- Checks some records. O(work).
function audit_records.check(fleet, report, cursor)
  local ids = {}
  local next_cursor = slices.each_field(fleet, 'sessions', report, cursor, function(id, record)
    ids[#ids + 1] = id
    check_record(fleet, report, id, record)
  end)
  check_ended(fleet, report, ids)
  return next_cursor
end

-- Checks some ids of a lease set: each has a record with this second. Returns the next cursor.
local function check_second(fleet, report, second, cursor)
  local count = math.max(10, math.ceil(report.budget / 4))
  local found = redis.call('SSCAN', keys.of_leases(fleet, second), cursor, 'COUNT', count)
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

-- cursor: the seconds to check, the first with its own cursor: "second/cursor second second". O(work).
function audit_records.check_leases(fleet, report, cursor)
  local left = vectors.split(cursor)
  for at, word in ipairs(left) do
    local second, from = string.match(word, '^(%d+)/?(%d*)$')
    local stopped = from == '' and '0' or from
    repeat
      stopped = check_second(fleet, report, tonumber(second), stopped)
    until stopped == '0' or report.budget <= 0
    if report.budget <= 0 then
      left[at] = second .. '/' .. stopped
      return table.concat(left, ' ', stopped == '0' and at + 1 or at)
    end
  end
end
