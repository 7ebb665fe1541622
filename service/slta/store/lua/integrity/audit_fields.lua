-- The audit of a fleet's fields: each exists and is in its range.

audit_fields = {}

local HOUR = 3600e6

local INVALID = { number = 'is not a number', vector = 'is not a vector with one number per class' }

-- Checks that a field is stored and has a valid value. Placement counts by tokens of other policies may be missing.
local function check_field(fleet, report, field, kind, stored)
  local value = rawget(fleet, field)
  if stored then
    local optional = string.find(field, 'assigned_', 1, true)
    if optional and (stored[field] or '') == '' then
      return
    elseif not stored[field] then
      report:add(field .. ': is missing')
      return
    end
    value = vectors.decode(kind, stored[field])
  end
  if not vectors.is_valid(kind, value, fleet.classes) then
    report:add(field .. ': ' .. INVALID[kind])
  end
end

-- The cached cold fields equal the stored ones.
local function check_cache(fleet, report, stored)
  for _, name in ipairs(cold.CACHED) do
    if fleet[name] then
      report:expect_equal(name .. ', as cached', vectors.encode(fleet[name]), stored[name])
    end
  end
end

-- The digest of what the tables are derived from matches the stored fields.
local function check_tables_digest(fleet, report, stored)
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

local function check_times(fleet, report, stored)
  local function not_after(name, value, latest)
    if value and value > latest then
      report:add(string.format('%s: %.0f, expected at most %.0f', name, value, latest))
    end
  end
  not_after('next_due', fleet.next_due * 1e6, fleet.time + 1e6)
  not_after('hold_until', fleet.hold_until, fleet.time + fleet_time.HOLD + fleet_time.MAX_STEP)
  report:expect_equal('clock less time', report.lag, tonumber(stored.lag))
  report:expect_equal('hold_until', fleet.hold_until, tonumber(stored.held_until))
  not_after('resumed_at', tonumber(stored.resumed_at), fleet.time + fleet_time.MAX_STEP)
  not_after('recovering_until', tonumber(stored.recovering_until), fleet.time + incarnations.RECOVERY)
  not_after('pools_since', tonumber(stored.pools_since), fleet.time)
  not_after('ended_since', tonumber(stored.ended_since), fleet.time)
  local newest = history.newest(fleet)
  local kept = newest and newest.time
  if kept then
    not_after('time of the newest history line', kept, fleet.time)
    not_after('time', fleet.time, kept + HOUR)
  end
end

-- No counter is negative, and there are no more placements by token than assigned sessions; there may be fewer, since
-- the counts of a removed class are dropped.
local function check_counts(fleet, report)
  accounting.each_count(fleet, function(name, count)
    if count < 0 then
      report:add(name .. ': is negative')
    end
  end)
  local placed = accounting.placements(fleet)
  if placed > fleet.assigned then
    report:add(string.format('assigned: %.0f, expected at least the %.0f placements by token', fleet.assigned, placed))
  end
  if fleet.ended_generation ~= 0 and fleet.ended_generation ~= 1 then
    report:add(string.format('ended_generation: %.17g, expected 0 or 1', fleet.ended_generation))
  end
end

-- In one call. O(fields + classes).
function audit_fields.check(fleet, report)
  local stored = cold.stored(fleet)
  report:expect_equal('suspect', stored.suspect, '')
  state.each_field(fleet.policy_table, function(field, kind, is_cold)
    check_field(fleet, report, field, kind, is_cold and stored)
  end)
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
  report:expect_equal('classes', #vectors.split(stored.names or ''), fleet.classes)
  check_cache(fleet, report, stored)
  check_tables_digest(fleet, report, stored)
  check_times(fleet, report, stored)
  check_incarnation(fleet, report, stored)
  check_counts(fleet, report)
  for _, text in ipairs(events.invalid(fleet)) do
    report:add('events: invalid or surplus entry: ' .. text)
  end
end
