-- Changes of a fleet's session types by a configuration, whose `session_types` has them as in {fleet}:types.

type_changes = {}

-- Whether a configuration has other types than the fleet.
function type_changes.differ(fleet, given)
  return given.session_types ~= (fleet.types and fleet.types.sets_text or '')
end

-- The classes that stay and are not in the new set of a type, separated by blanks.
local function lost_classes(fleet, type_index, set, names)
  local lost = {}
  for _, class_index in ipairs(fleet.types.sets[type_index]) do
    local name = fleet.names[class_index]
    local position = vectors.index(names, name)
    lost[#lost + 1] = position and not vectors.index(set, position) and name or nil
  end
  return table.concat(lost, ' ')
end

-- The refusal if a type of which sessions are present is removed or loses a class that stays, else nil: the bound holds
-- only while each session is in a class of its type. The reply ends with the classes lost, none if the type is removed.
-- O(classes * types).
function type_changes.refusal(fleet, given)
  local wanted = {}
  session_types.each(given.session_types, function(name, set) wanted[name] = set end)
  for type_index = 2, fleet.kinds do
    local count, name = fleet.type_sessions[type_index] + fleet.type_others[type_index], fleet.types.names[type_index]
    local set = wanted[name]
    local lost = count > 0 and set and lost_classes(fleet, type_index, set, given.names) or ''
    if count > 0 and (not set or lost ~= '') then
      return { 'SESSION_TYPE_IN_USE', name, count, lost }
    end
  end
end

-- By name the permanent number of each type of the fleet but the default one.
local function known_numbers(fleet)
  local numbers_by_name = {}
  for type_index = 2, fleet.kinds do
    numbers_by_name[fleet.types.names[type_index]] = fleet.types.numbers[type_index]
  end
  return numbers_by_name
end

-- The permanent numbers of the types named: those by name, or the lowest free ones.
local function numbers_for(names, numbers_by_name)
  local taken, numbers = {}, {}
  for _, number in pairs(numbers_by_name) do
    taken[number] = true
  end
  for at, name in ipairs(names) do
    local free = 1
    while not numbers_by_name[name] and taken[free] do
      free = free + 1
    end
    numbers[at] = numbers_by_name[name] or free
    taken[numbers[at]] = true
  end
  return numbers
end

-- Moves the sessions by type and class to the positions of these classes; new ones have none.
function type_changes.reorder_classes(fleet, class_ids)
  local moved, count = vectors.zeros(fleet.kinds * #class_ids), #class_ids
  for cell in ipairs(moved) do
    local former = fleet.index_by_id[class_ids[(cell - 1) % count + 1]]
    moved[cell] = former and fleet.type_held[math.floor((cell - 1) / count) * fleet.classes + former] or 0
  end
  fleet.type_held = moved
end

-- Moves the counts of types to their new positions; new types have none. Those of classes have been moved.
local function reorder(fleet, before)
  type_block.touch_all(fleet)
  type_block.each_field(fleet.kinds, fleet.classes, function(field, length, width)
    local former = fleet[field]
    if length and (width or #former ~= length) then
      fleet[field] = vectors.zeros(length)
    end
    for at = 1, width and length or 0 do
      local type_index = before.by_number[fleet.types.numbers[math.ceil(at / width)]]
      fleet[field][at] = type_index and former[(type_index - 1) * width + (at - 1) % width + 1] or 0
    end
  end)
  intervals.settle(fleet)
  fleet.held = type_counts.held_by_class(fleet)
end

-- The names of the types in a text as in {fleet}:types, in order.
function type_changes.names_of(sets)
  local names = {}
  session_types.each(sets, function(name) names[#names + 1] = name end)
  return names
end

-- Removes the counts of refused sessions of types whose number is none of these: a later type may get it.
local function drop_counts(fleet, numbers)
  for _, number in ipairs(fleet.types and fleet.types.numbers or {}) do
    if not vectors.index(numbers, number) then
      for _, what in ipairs(session_types.REFUSALS) do
        redis.call('HDEL', keys.of_fleet(fleet, 'types'), what .. ':' .. number)
      end
    end
  end
end

-- Stores the types of a configuration, and makes them the fleet's.
local function take_over(fleet, given, names, numbers)
  local key, permanent = keys.of_fleet(fleet, 'types'), table.concat(numbers, ' ')
  if names[1] then
    drop_counts(fleet, { 0, unpack(numbers) })
    local check = session_types.checksum(given.session_types, permanent)
    redis.call('HSET', key, 'sets', given.session_types, 'numbers', permanent, 'checksum', check)
  else
    redis.call('DEL', key)
  end
  fleet.kinds = names[1] and #names + 1 or 0
  fleet.types = names[1] and session_types.parse(given.session_types, permanent, fleet.classes) or false
end

-- Gives a fleet under repair the types of its document, with the numbers and assigned sessions as found by
-- `repair_types.recall`; other counts follow from the records.
function type_changes.restore(fleet, given, numbers_by_name, assigned)
  local names = type_changes.names_of(given.session_types)
  fleet.types = false
  take_over(fleet, given, names, numbers_for(names, numbers_by_name))
  type_counts.reset(fleet)
  for type_index = 1, fleet.kinds do
    fleet.type_assigned[type_index] = assigned[fleet.types.names[type_index]] or 0
  end
end

-- Takes over the types of a configuration whose classes the fleet has. O(classes * types + levels in use * pools / 8).
function type_changes.apply(fleet, given)
  local before, names = fleet.types, type_changes.names_of(given.session_types)
  if not before and not names[1] then
    return
  end
  take_over(fleet, given, names, numbers_for(names, known_numbers(fleet)))
  if fleet.types and before then
    reorder(fleet, before)
  elseif fleet.types then
    type_counts.begin(fleet)
  end
end
