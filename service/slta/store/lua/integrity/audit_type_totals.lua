-- The audit of a fleet's session types: counts, integrals and the kept assignment, in one call.

audit_type_totals = {}

-- The assignment that the fleet's counts have, computed anew on a copy. O(levels * classes).
local function assigned_anew(fleet)
  local copy = setmetatable({ type_flow = false, type_filled = false, type_optimum = 0 }, { __index = fleet })
  assignment.rebuild(copy)
  return copy
end

-- The kept assignment has each session once, in a class that its type may use, and the best utility.
local function check_assignment(fleet, report)
  local filled, flow = vectors.zeros(fleet.classes), fleet.type_flow
  for kind, count in ipairs(fleet.type_sessions) do
    local assigned = 0
    for class_index = 1, fleet.classes do
      local here = flow[(kind - 1) * fleet.classes + class_index]
      assigned, filled[class_index] = assigned + here, filled[class_index] + here
      if here < 0 or here > 0 and not session_types.may_use(fleet, kind, class_index) then
        report:add('assignment: type ' .. fleet.types.names[kind] .. ' has sessions in class '
          .. fleet.names[class_index])
      end
    end
    report:expect_equal('assigned sessions of type ' .. fleet.types.names[kind], assigned, count)
  end
  report:expect_equal('assigned sessions by class', fleet.type_filled, filled)
  report:expect_equal('optimum of the types', fleet.type_optimum, assigned_anew(fleet).type_optimum)
end

-- The stored types are those that the fleet uses, which may be cached; a fleet without types has none. Returns whether
-- the types can be used. O(types).
local function check_stored(fleet, report)
  local stored = redis.call('HMGET', keys.of_fleet(fleet, 'types'), 'sets', 'numbers', 'checksum')
  local text = stored[1] and stored[1] .. '|' .. (stored[2] or '') or ''
  if fleet.kinds > 0 and text == '' then
    report:add('session types: are missing')
  else
    report:expect_equal('session types', fleet.kinds > 0 and fleet.types and fleet.types.text or '', text)
    local checksum = text ~= '' and session_types.checksum(stored[1], stored[2] or '')
    report:expect_equal('checksum of the session types', stored[3], checksum)
  end
  return fleet.kinds > 0 and fleet.types
end

-- Refused sessions by type: each count is of a type, and those of a word are at most what the fleet counted.
local function check_refusals(fleet, report)
  type_counts.each_refusal(fleet, function(field, word)
    if not word then
      report:add('session types: ' .. field .. ' is not a count of a type')
    end
  end)
  for word, count in pairs(type_counts.uncounted_refusals(fleet)) do
    report:add(string.format('session types: %.0f refusals %s more than the fleet counted', count, word))
  end
end

-- Assigned sessions by type: none is negative, and there are no more than the fleet's; there may be fewer, since those
-- from before the type, and those of removed types, are in no count.
local function check_assigned(fleet, report)
  for kind, count in ipairs(fleet.type_assigned) do
    if count < 0 then
      report:add('type_assigned of type ' .. fleet.types.names[kind] .. ': is negative')
    end
  end
  local assigned = vectors.sum(fleet.type_assigned)
  if assigned > fleet.assigned then
    report:add(string.format('assigned: %.0f, expected at least the %.0f of all types', fleet.assigned, assigned))
  end
end

-- The numbers behind the slash of the newest history line if that belongs to the present window, else nil.
local function newest_integrals(fleet)
  cold.load(fleet, 'utilities_version')
  local newest = history.newest(fleet)
  local is_comparable = newest and newest.version == fleet.utilities_version
  local text = is_comparable and string.match(newest.line, '/([^|]*)')
  local numbers = text and vectors.split(text, true)
  if numbers and #numbers == 2 + 2 * fleet.kinds then
    return numbers, vectors.split(newest.line, true)
  end
end

-- Since the newest history line no integral has fallen, and those of the types have grown together as that of all
-- sessions: N_t are integers, and each is integrated until it changes.
local function check_growth(fleet, report)
  local before, line = newest_integrals(fleet)
  if not before then
    return
  end
  local total = 0
  for kind, name in ipairs(fleet.types.names) do
    local grown = (fleet.type_high[kind] - before[2 * kind + 1]) + (fleet.type_low[kind] - before[2 * kind + 2])
    total = total + grown
    if grown < 0 then
      report:add('type_high of type ' .. name .. ': is below that of the newest history line')
    end
  end
  local expected = (fleet.sessions_high - line[3]) + (fleet.sessions_low - line[4])
  if math.abs(total - expected) > 1 + math.abs(expected) * 1e-9 then
    report:add(string.format('integrals of all types: grew by %.17g, expected %.17g', total, expected))
  end
end

-- Each type is integrated at most up to now, and the high part of an integral is its nearest double.
local function check_pairs(fleet, report)
  for kind, name in ipairs(fleet.types.names) do
    if fleet.type_since[kind] > fleet.time then
      report:add('type_since of type ' .. name .. ': is in the future')
    end
    local high, low = fleet.type_high[kind], fleet.type_low[kind]
    report:expect_equal('type_high of type ' .. name .. ': the high part of the integral', high, high + low)
  end
  local high, low = fleet.type_optimum_high, fleet.type_optimum_low
  report:expect_equal('type_optimum: the high part of its integral', high, high + low)
end

-- The integral of the optimum of the types is between those of U and of U*(N, A), from which it went on when the fleet
-- got types.
local function check_integrals(fleet, report)
  check_pairs(fleet, report)
  local high = fleet.type_optimum_high
  local small = math.abs(high) * 1e-9
  if fleet.utility_high > high + small or high > fleet.optimum_high + small then
    report:add('type_optimum: its integral is not between those of utility and optimum')
  end
  type_counts.settle(fleet)
  check_growth(fleet, report)
end

-- Checks the types, the sums of their counts, integrals and the assignment.
-- O(levels * pools / 8 + levels * classes).
function audit_type_totals.check(fleet, report)
  if not check_stored(fleet, report) then
    return
  end
  cold.load(fleet, 'draining_sessions')
  report:expect_equal('sessions of all types', vectors.sum(fleet.type_sessions), fleet.sessions)
  local others = vectors.sum(fleet.draining_sessions)
  report:expect_equal('sessions of all types on other pools', vectors.sum(fleet.type_others), others)
  report:expect_equal('sessions by class', fleet.held, type_counts.held_by_class(fleet))
  check_refusals(fleet, report)
  check_assigned(fleet, report)
  check_integrals(fleet, report)
  check_assignment(fleet, report)
end
