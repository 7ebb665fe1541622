-- The fields of a fleet: what each has to be by its kind, by fleet time, and by the others. A repair begins with them.

field_values = {}

local HOUR = 3600e6

local INVALID = { number = 'is not a number', vector = 'is not a vector with one number per class' }

-- Each field has a value of its kind. With `stored`, the texts of the cold ones, those count rather than what is in
-- memory, and placement counts by tokens of other policies may be missing.
function field_values.check_kinds(fleet, slice, stored)
  state.each_field(fleet.policy_table, function(field, kind, is_cold)
    local value, text = rawget(fleet, field), is_cold and stored and (stored[field] or '')
    if text then
      value = stored[field] and vectors.decode(kind, text)
    end
    local is_optional = text == '' and string.find(field, '^assigned_')
    if not is_optional and not vectors.is_valid(kind, value, fleet.classes) then
      slice:wrong(field .. ': ' .. (value and INVALID[kind] or 'is missing'), function()
        rawset(fleet, field, vectors.empty(kind, fleet.classes))
      end)
    end
  end)
end

-- Fleet time is within an hour after the newest line of each history. Of the two the line is wrong if the clock
-- confirms the time.
local function check_history(fleet, slice, window)
  local newest = history.newest(fleet, window)
  if newest and (fleet.time < newest.time or fleet.time > newest.time + HOUR) then
    slice:wrong(string.format('time: %.0f, newest history line %.0f', fleet.time, newest.time), function()
      if fleet.clock - fleet.time == fleet.lag then
        redis.call('LTRIM', keys.of_past(fleet, window), 1, -1)
      else
        fleet.time = newest.time
      end
    end)
  end
end

-- The history agrees with fleet time, and no time is later than it can be.
function field_values.check_times(fleet, slice)
  for _, window in ipairs(constants.WINDOWS) do
    check_history(fleet, slice, window)
  end
  slice:at_most(fleet, 'next_due', math.floor(fleet.time / 1e6) + 1)
  slice:at_most(fleet, 'hold_until', fleet.time + fleet_time.HOLD + fleet_time.MAX_STEP)
  slice:at_most(fleet, 'resumed_at', fleet.time + fleet_time.MAX_STEP)
  slice:at_most(fleet, 'recovering_until', fleet.time + incarnations.RECOVERY)
  slice:at_most(fleet, 'pools_since', fleet.time)
  slice:at_most(fleet, 'ended_since', fleet.time)
  if fleet.ended_generation ~= 0 and fleet.ended_generation ~= 1 then
    slice:wrong(string.format('ended_generation: %.17g, expected 0 or 1', fleet.ended_generation), function()
      fleet.ended_generation = 1 -- as in `keys.of_ended`
    end)
  end
end

-- No counter is negative, and there are no more placements by token than assigned sessions; there may be fewer, since
-- the counts of a removed class are dropped.
function field_values.check_counts(fleet, slice)
  accounting.each_count(fleet, function(name, count, counts, key)
    if count < 0 then
      slice:wrong(name .. ': is negative', function() counts[key] = 0 end)
    end
  end)
  local placed = accounting.placements(fleet)
  if placed > fleet.assigned then
    slice:wrong(string.format('assigned: %.0f, placements by token %.0f', fleet.assigned, placed), function()
      for _, token in ipairs(fleet.policy_table.TOKENS) do
        fleet['assigned_' .. token] = vectors.zeros(fleet.classes)
      end
    end)
  end
end

-- The cached cold fields equal the stored ones, and the digest of what the tables are derived from matches.
local function check_cache(fleet, report, stored)
  for _, name in ipairs(cold.CACHED) do
    if fleet[name] then
      report:expect_equal(name .. ', as cached', vectors.encode(fleet[name]), stored[name])
    end
  end
  local numbers, settings = vectors.split(stored.numbers or '', true), { utilities = stored.utilities }
  for _, field in ipairs(cache.SETTINGS) do
    settings[field] = tonumber(stored[field])
  end
  if settings.lease and stored.utilities then
    report:expect_equal('tables', fleet.tables, cache.digest(settings, numbers, fleet.pools, fleet.types))
  end
end

-- The incarnation is the last one recorded, and the revision is not below its fork.
local function check_incarnation(fleet, report, stored)
  local last, fork = string.match(stored.incarnations or '', '(%d+):%d+:(%d+)$')
  if fleet.incarnation ~= tonumber(last) then
    report:add('incarnation: is not the last one recorded')
  elseif fleet.revision < tonumber(fork) then
    report:add(string.format('revision: %.0f, expected at least %s', fleet.revision, fork))
  end
end

local function check_types(fleet, report)
  type_block.open(fleet)
  type_block.each_field(fleet.kinds, fleet.classes, function(field, count)
    if fleet.kinds > 0 and not vectors.is_valid(count and 'vector' or 'number', fleet[field], count) then
      report:add(field .. ': is not a number or vector of its length')
    end
  end)
  if fleet.kinds > 0 and #fleet.waiting > 0
    and not vectors.is_valid('vector', fleet.waiting, 1 + fleet.classes + fleet.kinds) then
    report:add('waiting: is no interval')
  end
end

-- A part of audits, in one call. O(fields + classes).
function field_values.check(fleet, report)
  local stored = cold.stored(fleet)
  report:expect_equal('suspect', stored.suspect, '')
  field_values.check_kinds(fleet, report, stored)
  check_types(fleet, report)
  report:expect_equal('classes', #vectors.split(stored.names or ''), fleet.classes)
  check_cache(fleet, report, stored)
  cold.load(fleet, 'resumed_at', 'recovering_until', 'pools_since', 'ended_since')
  field_values.check_times(fleet, report)
  report:expect_equal('clock less time', report.lag, tonumber(stored.lag))
  report:expect_equal('hold_until', report.hold_until, tonumber(stored.held_until))
  check_incarnation(fleet, report, stored)
  field_values.check_counts(fleet, report)
  for _, text in ipairs(events.invalid(fleet)) do
    report:add('events: invalid or surplus entry: ' .. text)
  end
end
