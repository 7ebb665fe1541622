-- The totals of a fleet's session types: counts and integrals.

type_totals = {}

-- The sessions by type and class add up to those by type, and to those by class.
local function check_cells(fleet, report)
  local by_type, by_class = vectors.zeros(fleet.kinds), vectors.zeros(fleet.classes)
  for cell, count in ipairs(fleet.type_held) do
    local type_index, class_index = math.ceil(cell / fleet.classes), (cell - 1) % fleet.classes + 1
    by_type[type_index], by_class[class_index] = by_type[type_index] + count, by_class[class_index] + count
  end
  report:expect_equal('sessions of types in all classes', by_type, fleet.type_sessions)
  report:expect_equal('sessions of all types by class', by_class, fleet.held)
end

-- The stored types are those that the fleet uses, which may be cached; a fleet without types has none. Returns whether
-- the types can be used. O(types).
local function check_stored(fleet, report)
  local sets, numbers, is_sound = session_types.stored(fleet)
  local text = sets and sets .. '|' .. (numbers or '') or ''
  if fleet.kinds > 0 and text == '' then
    report:add('session types: are missing')
  else
    report:expect_equal('session types', fleet.kinds > 0 and fleet.types and fleet.types.text or '', text)
    report:expect_equal('checksum of the session types', is_sound, text ~= '')
  end
  return fleet.kinds > 0 and fleet.types
end

-- Refused sessions by type: each count is of a type, and those of a word are at most what the fleet counted.
local function check_refusals(fleet, slice)
  local surplus = type_counts.uncounted_refusals(fleet)
  type_counts.each_refusal(fleet, function(field, word)
    if not word or surplus[word] then
      local why = word and surplus[word] .. ' more than the fleet counted' or 'is not a count of a type'
      slice:wrong('session types: ' .. field .. ': ' .. why, function()
        redis.call('HDEL', keys.of_fleet(fleet, 'types'), field)
      end)
    end
  end)
end

-- Counts of what was, which are never lowered elsewhere: no count of assigned sessions is negative, and there are no
-- more than the fleet's; there may be fewer, since those from before the type, and those of removed types, are in no
-- count.
function type_totals.check_counts(fleet, slice)
  for type_index, count in ipairs(fleet.type_assigned) do
    if count < 0 then
      slice:wrong('type_assigned of type ' .. fleet.types.names[type_index] .. ': is negative', function()
        fleet.type_assigned[type_index] = 0
      end)
    end
  end
  local assigned = vectors.sum(fleet.type_assigned)
  if assigned > fleet.assigned then
    slice:wrong(string.format('assigned: %.0f, of all types %.0f', fleet.assigned, assigned), function()
      fleet.type_assigned = vectors.zeros(fleet.kinds)
    end)
  end
  check_refusals(fleet, slice)
end

-- Since the newest history line no integral has fallen, and those of the types have grown together as that of all
-- sessions: N_t are integers, and each is integrated until it changes.
local function check_growth(fleet, report)
  cold.load(fleet, 'utilities_version')
  local newest = history.newest(fleet)
  local before = newest and newest.version == fleet.utilities_version and newest.types or {}
  if #before ~= 2 + 2 * fleet.kinds then
    return
  end
  local now, total = vectors.split(string.match(intervals.encode(fleet), '^[^/]*'), true), 0
  for at = 1, #before, 2 do
    local grown = (now[at] - before[at]) + (now[at + 1] - before[at + 1])
    total = total + (at > 1 and grown or 0)
    if grown < 0 then
      local what = at > 1 and 'type_high of type ' .. fleet.types.names[(at - 1) / 2] or 'compatibility'
      report:add(what .. ': is below that of the newest history line')
    end
  end
  local expected = (fleet.sessions_high - newest.integrals[3]) + (fleet.sessions_low - newest.integrals[4])
  if math.abs(total - expected) > 1 + math.abs(expected) * 1e-9 then
    report:add(string.format('integrals of all types: grew by %.17g, expected %.17g', total, expected))
  end
end

-- No interval, and no sum over one, is from the future, and the high part of an integral is its nearest double.
local function check_pairs(fleet, report)
  report:expect_equal('compatibility_high: the high part of the integral', fleet.compatibility_high,
    fleet.compatibility_high + fleet.compatibility_low)
  for type_index, name in ipairs(fleet.types.names) do
    if fleet.type_since[type_index] > fleet.time or fleet.type_since[type_index] < fleet.interval_since then
      report:add('type_since of type ' .. name .. ': is not in the open interval')
    end
    local high, low = fleet.type_high[type_index], fleet.type_low[type_index]
    report:expect_equal('type_high of type ' .. name .. ': the high part of the integral', high, high + low)
  end
end

-- The integral of the bound of the types is between those of U and of U*(N, A).
local function check_integrals(fleet, report)
  check_pairs(fleet, report)
  local optimum, excess = fleet.optimum_high, fleet.compatibility_high
  if excess < 0 or fleet.utility_high > optimum - excess + math.abs(optimum) * 1e-9 then
    report:add('compatibility: the integral of the bound is not between those of utility and optimum')
  end
  check_growth(fleet, report)
end

-- Checks for an audit the types, the sums of their counts and integrals. O(levels * pools / 8).
function type_totals.check(fleet, report)
  if not check_stored(fleet, report) then
    return
  end
  type_block.open(fleet)
  cold.load(fleet, 'draining_sessions')
  report:expect_equal('sessions of all types', vectors.sum(fleet.type_sessions), fleet.sessions)
  local others = vectors.sum(fleet.draining_sessions)
  report:expect_equal('sessions of all types on other pools', vectors.sum(fleet.type_others), others)
  report:expect_equal('sessions by class', fleet.held, type_counts.held_by_class(fleet))
  check_cells(fleet, report)
  type_totals.check_counts(fleet, report)
  check_integrals(fleet, report)
end
