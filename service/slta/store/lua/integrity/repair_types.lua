-- The session types of a fleet under repair: those of the document, with the permanent numbers by which records know
-- them. {fleet}:types alone has the numbers, with a checksum. If it is lost or altered, the digest in the state,
-- `tables`, tells whether a guess is right. Numbers that cannot be known are given up: the types get numbers that no
-- record has, so that the stage on records makes their sessions `default`, rather than sessions of another type.

repair_types = {}

local TYPES_PER_SECOND = 16 -- at least as many as a fleet can have: two repairs do not give the same numbers

-- The numbers 1 to `count` as text, as of types that have never changed.
local function in_order(count)
  local numbers = {}
  for at = 1, count do
    numbers[at] = at
  end
  return table.concat(numbers, ' ')
end

-- Whether the digest in the state is of these types, with the settings as stored or as in the document.
local function is_confirmed(fleet, given, class_ids, sets, numbers)
  local types = { text = sets .. '|' .. numbers }
  return cache.digest(fleet, fleet.numbers, fleet.pools, types) == fleet.tables
    or cache.digest(given, class_ids, fleet.pools, types) == fleet.tables
end

-- The sets and numbers that the fleet had; nil if they cannot be known.
local function find_former(fleet, given, class_ids)
  local stored, stored_numbers, is_sound = session_types.stored(fleet)
  if is_sound then
    return stored, stored_numbers
  end
  for _, sets in ipairs({ stored or given.session_types, given.session_types }) do
    for _, numbers in ipairs({ stored_numbers or '', in_order(#type_changes.names_of(sets)) }) do
      if is_confirmed(fleet, given, class_ids, sets, numbers) then
        return sets, numbers
      end
    end
  end
end

-- By name: the number, and the assigned sessions, of each type that the fleet had.
local function by_name(fleet, sets, numbers)
  local numbers_by_name, names, permanent = {}, type_changes.names_of(sets), vectors.split(numbers, true)
  local counts = rawget(fleet, 'type_assigned')
  counts = vectors.is_valid('vector', counts, #names + 1) and counts or {}
  local assigned = { default = counts[1] }
  for at, name in ipairs(names) do
    numbers_by_name[name], assigned[name] = permanent[at], counts[at + 1]
  end
  return numbers_by_name, assigned
end

-- By name the numbers and the assigned sessions of the types, for `type_changes.restore`, as far as they are known
-- before a repair changes the fleet's settings. `class_ids` are those of the document's classes.
function repair_types.recall(fleet, given, class_ids, now)
  local sets, numbers = find_former(fleet, given, class_ids)
  if sets then
    return by_name(fleet, sets, numbers)
  end
  local numbers_by_name, unused = {}, math.floor(now / 1e6) * TYPES_PER_SECOND
  redis.call('DEL', keys.of_fleet(fleet, 'types')) -- with the refusals by number
  for at, name in ipairs(type_changes.names_of(given.session_types)) do
    numbers_by_name[name] = unused + at
  end
  return numbers_by_name, {}
end

-- Deletes {fleet}:types if it is not a hash with sets and numbers, so that the state can be read.
function repair_types.drop_unreadable(prefix)
  local key = prefix .. 'types'
  local found = redis.pcall('HMGET', key, 'sets', 'numbers')
  if found.err or not (found[1] and found[2]) then
    redis.call('UNLINK', key)
  end
end
