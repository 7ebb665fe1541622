-- The beginning of a repair: a state to write to, whatever is left of the old one, and tables that follow from the
-- document.

repair_begin = {}

local HOUR = 3600e6
local UNDER_WAY = 10e6 -- µs after its last slice in which a repair is gone on with, not begun anew

local function is_sound(kind, value, classes)
  if kind == 'number' then
    return type(value) == 'number' and value == value and math.abs(value) < 1e300
  elseif kind == 'vector' then
    for position = 1, classes do
      if type(value) ~= 'table' or not is_sound('number', value[position]) then
        return false
      end
    end
    return #value == classes
  end
  return value ~= nil
end

local function empty(kind, classes)
  return kind == 'vector' and vectors.zeros(classes) or kind == 'number' and 0 or kind == 'words' and {} or ''
end

-- The cold fields become those that are stored.
local function read_cold(fleet)
  local stored = redis.call('TYPE', keys.of_fleet(fleet, 'cold')).ok == 'hash' and state.stored_cold(fleet) or {}
  state.each_field(fleet.rules, function(field, kind, name, is_cold)
    if is_cold then
      rawset(fleet, field, stored[name] and vectors.decode(kind, stored[name]))
      fleet.cold[field] = stored[name] or false
    end
  end)
end

-- Fields that cannot be used are at 0.
local function mend_fields(fleet)
  state.each_field(fleet.rules, function(field, kind)
    if not is_sound(kind, rawget(fleet, field), fleet.classes) then
      rawset(fleet, field, empty(kind, fleet.classes))
    end
  end)
end

local function has_marginals(fleet, number, marginals)
  return number and redis.pcall('GET', fleet.prefix .. 'marginals:' .. number) == marginals
end

-- A class's number: the lowest not taken that has these marginal utilities, else the lowest not taken.
local function number_of(fleet, marginals, taken)
  local free
  for number = 0, constants.MAX_CLASSES - 1 do
    if not taken[number] then
      free = free or number
      if has_marginals(fleet, number, marginals) then
        return number
      end
    end
  end
  return free
end

-- The classes' permanent numbers: those that are stored, if the digest of the tables or the class's marginal utilities
-- say that they are right.
local function find_numbers(fleet, given)
  local numbers, taken, trusted = {}, {}, false
  if #fleet.numbers == #given.names then
    trusted = memory.digest(fleet.utilities, fleet.numbers, fleet.lease, fleet.pool_counts) == fleet.tables
  end
  for position = 1, #given.names do
    local stored, marginals = fleet.numbers[position], given.marginals[position]
    local stays = stored and not taken[stored] and (trusted or has_marginals(fleet, stored, marginals))
    local number = stays and stored or number_of(fleet, marginals, taken)
    numbers[position], taken[number] = number, true
  end
  return numbers
end

-- Settings and tables become those of the document.
local function follow_document(fleet, given)
  local numbers = find_numbers(fleet, given)
  fleet.class_names, fleet.numbers, fleet.classes = given.names, numbers, #numbers
  for _, field in ipairs(fleets.SETTINGS) do
    fleet[field] = given[field]
  end
  memory.number_classes(fleet)
  if fleet.policy ~= given.policy then
    state.change_policy(fleet, given.policy)
  end
  fleets.write_tables(fleet, given)
end

-- Fleet time, where it is not within an hour of the history's newest: that.
local function mend_times(fleet, now)
  local kept = history.newest_time(fleet)
  if kept and (fleet.time < kept or fleet.time > kept + HOUR) then
    fleet.time = kept
  end
  fleet.clock = now
  fleet.hold_until = fleet.time + accounting.HOLD
  fleet.pools_since, fleet.ended_since = fleet.time, math.min(fleet.ended_since, fleet.time)
  fleet.next_due = math.floor(fleet.time / 1e6) + 1
  fleet.store_epoch = fleet.store_epoch > 0 and fleet.store_epoch or math.floor(now / 1e6)
  fleet.config_version = math.max(1, fleet.config_version)
  fleet.ended_generation = fleet.ended_generation == 0 and 0 or 1 -- as `keys.of_ended` has it
  incarnations.mend(fleet)
end

-- Keys of another type than theirs are dropped, and so are events that are none and a history that is no integrals. No
-- key has a time to live.
local function mend_keys(fleet)
  local lost = {}
  for name, kind in pairs(keys.FLEET) do
    local key = keys.of_fleet(fleet, name)
    local present = redis.call('TYPE', key).ok
    if present ~= 'none' and present ~= kind then
      redis.call('UNLINK', key)
      lost[#lost + 1] = { name, present }
    end
    redis.call('PERSIST', key)
  end
  for _, one in ipairs(lost) do
    repair.set_aside(fleet, 'key ' .. one[1], 'was a ' .. one[2])
  end
  events.mend(fleet)
  for _, window in ipairs(constants.WINDOWS) do
    if not history.is_sound(fleet, window) then
      redis.call('UNLINK', keys.of_past(fleet, window))
    end
  end
end

-- The cold fields that are read with the state are there, so that the state can be read without them.
local function mend_cold(key)
  local cold = string.sub(key, 1, -6) .. 'cold'
  if redis.call('TYPE', cold).ok ~= 'hash' then
    redis.call('UNLINK', cold)
  end
  for _, name in ipairs({ 'names', 'numbers', 'capacities' }) do
    redis.call('HSET', cold, name, redis.call('HGET', cold, name) or '')
  end
end

-- A fleet of whose state nothing can be read.
local function new(key, now, given)
  local fleet = state.new(key)
  fleet.rules = policies.BY_NAME[given.policy]
  fleet.policy, fleet.classes, fleet.clock = given.policy, #given.names, now
  fleet.pool_counts = nil
  return fleet
end

-- The fleet as it can be read, or a new one on the same keys; nil and the refusal when it is not for us to touch, or
-- when its document is not the one that was compiled. `mending` may write to read more of it.
local function open(key, now, given, mending)
  local document = redis.pcall('GET', string.sub(key, 1, -6) .. 'document')
  if not given then
    return nil, { 'NEWER_FLEET' }
  elseif document ~= given.document then
    return nil, { document and 'DOCUMENT_CHANGED' or 'UNKNOWN_FLEET' }
  end
  local is_read, fleet, refusal = pcall(state.read, key, true)
  if not is_read and mending then
    mend_cold(key)
    is_read, fleet, refusal = pcall(state.read, key, true)
  end
  if is_read and fleet then
    return fleet
  elseif is_read and refusal ~= 'UNKNOWN_FLEET' then
    return nil, { refusal }
  end
  return new(key, now, given)
end

-- Which classes a repair with this configuration would find -> {CLASSES, policy, their numbers, sessions that have a
-- record} | a refusal as in `repair_begin.run`. O(levels).
function repair_begin.survey(key, now, given)
  local fleet, refusal = open(key, now, given)
  if not fleet then
    return refusal
  end
  read_cold(fleet)
  mend_fields(fleet)
  local count = redis.pcall('HLEN', keys.of_fleet(fleet, 'sessions'))
  return { 'CLASSES', given.policy, table.concat(find_numbers(fleet, given), ' '), tonumber(count) or 0 }
end

-- given: what `put` takes, compiled from the stored document; `asked` and `put_back` as `repair.begin` says.
--   -> {BEGUN}, the fleet | {SOUND} for a fleet that nobody asked to repair and that needs none
--    | {UNKNOWN_FLEET} | {DOCUMENT_CHANGED} since it was compiled | {NEWER_FLEET} | {OLDER_FLEET}. O(levels).
function repair_begin.run(key, now, given, asked, put_back)
  local fleet, refusal = open(key, now, given, true)
  if not fleet then
    return refusal
  elseif repair.is_under_way(fleet, UNDER_WAY, asked) then
    return { 'BEGUN' }, fleet
  elseif asked ~= '1' and not repair.is_claimed(fleet) then
    return { 'SOUND' }
  end
  -- writes
  mend_keys(fleet)
  read_cold(fleet)
  mend_fields(fleet)
  memory.forget(fleet)
  follow_document(fleet, given)
  mend_fields(fleet)
  mend_times(fleet, now)
  memory.forget(fleet)
  memory.renew(fleet)
  local reply = repair.begin(fleet, asked, put_back)
  state.write(fleet)
  return reply, fleet
end
