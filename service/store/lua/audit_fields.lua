-- The audit of a fleet's fields: that each is there, and in its range.

audit_fields = {}

local HOUR = 3600e6

local function is_number(value)
  return type(value) == 'number' and value == value and value < 1e300 and value > -1e300
end

local function are_numbers(vector, length)
  for position = 1, length do
    if not is_number(vector[position]) then
      return false
    end
  end
  return #vector == length
end

-- Cold fields that a fleet of an older version has only once they were written. Placements by the tokens of policies
-- that it had before may be missing too.
local LATER = { exponent = true, went_back = true, left_epoch = true }

-- A cold field is looked at as it is stored, not as operations remember it.
local function check_field(fleet, look, field, kind, name, cold)
  local value = rawget(fleet, field)
  if cold then
    local optional = LATER[field] or string.find(field, 'assigned_', 1, true)
    if optional and (cold[name] or '') == '' then
      return
    elseif not cold[name] then
      look:say(name .. ': is missing')
      return
    end
    value = vectors.decode(kind, cold[name])
  end
  if kind == 'number' and not is_number(value) then
    look:say(name .. ': is no number')
  elseif kind == 'vector' and not are_numbers(value, fleet.classes) then
    look:say(name .. ': is no vector of a number per class')
  end
end

-- What operations remember of the cold fields is what is stored.
local function check_memory(fleet, look, cold)
  local remembered = {
    names = fleet.class_names, numbers = fleet.numbers, capacities = fleet.capacities, lease = fleet.lease,
  }
  for name, value in pairs(remembered) do
    look:claim(name .. ', as operations remember it', vectors.encode(value), cold[name])
  end
end

-- The digest of what the tables follow from, against the fields as they are stored.
local function check_tables_digest(fleet, look, cold)
  local numbers, lease = vectors.split(cold.numbers or '', true), tonumber(cold.lease)
  if lease and cold.utilities then
    look:claim('tables', fleet.tables, memory.digest(cold.utilities, numbers, lease, fleet.pool_counts))
  end
end

-- The state's incarnation is the last one recorded, and its revision is not below the fork.
local function check_incarnation(fleet, look, cold)
  local last, fork = string.match(cold.incarnations or '', '(%d+):%d+:(%d+)$')
  if fleet.incarnation ~= tonumber(last) then
    look:say('incarnation: is not the last one that was recorded')
  elseif fleet.revision < tonumber(fork) then
    look:say(string.format('revision: %.0f, expected at least %s', fleet.revision, fork))
  end
end

local function check_times(fleet, look, cold)
  local function not_after(name, value, latest)
    if value and value > latest then
      look:say(string.format('%s: %.0f, expected at most %.0f', name, value, latest))
    end
  end
  not_after('next_due', fleet.next_due * 1e6, fleet.time + 1e6)
  not_after('hold_until', fleet.hold_until, fleet.time + accounting.HOLD + accounting.MAX_STEP)
  not_after('pools_since', tonumber(cold.pools_since), fleet.time)
  not_after('ended_since', tonumber(cold.ended_since), fleet.time)
  local kept = history.newest_time(fleet)
  if kept then
    not_after('time of the newest past', kept, fleet.time)
    not_after('time', fleet.time, kept + HOUR)
  end
end

-- Counts are never negative, and no more sessions were placed by a token than were assigned: a class that is gone took
-- its counts along.
local function check_counts(fleet, look)
  accounting.each_count(fleet, function(name, number)
    if number < 0 then
      look:say(name .. ': is negative')
    end
  end)
  local placed = accounting.placements(fleet)
  if placed > fleet.assigned then
    look:say(string.format('assigned: %.0f, expected at least the %.0f placements by token', fleet.assigned, placed))
  end
  if fleet.ended_generation ~= 0 and fleet.ended_generation ~= 1 then
    look:say(string.format('ended_generation: %.17g, expected 0 or 1', fleet.ended_generation))
  end
end

-- Within one call. O(fields + classes).
function audit_fields.check(fleet, look)
  local cold = state.stored_cold(fleet)
  look:claim('suspect', cold.suspect, '')
  state.each_field(fleet.rules, function(field, kind, name, is_cold)
    check_field(fleet, look, field, kind, name, is_cold and cold)
  end)
  look:claim('classes', #vectors.split(cold.names or ''), fleet.classes)
  check_memory(fleet, look, cold)
  check_tables_digest(fleet, look, cold)
  check_times(fleet, look, cold)
  check_incarnation(fleet, look, cold)
  check_counts(fleet, look)
  for _, text in ipairs(events.unsound(fleet)) do
    look:say('events: this is none, or one too many: ' .. text)
  end
end
