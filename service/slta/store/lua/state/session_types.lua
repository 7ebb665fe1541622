-- Session types of a fleet (service/slta/core/session_types): which classes the sessions of each may use. A fleet
-- without them has `types` false, and neither the key nor the block nor a word in its records.
--
-- A type has a kind, its position 1..T in the configuration and in the fleet's vectors, and a permanent number, which
-- records use. Kind 1, number 0, is `default`: all classes.
--
-- {fleet}:types has the configuration, `sets`, name and class_indexes of each type but the default one,
-- "video=2,3 chat=1,2"; `numbers`, the permanent number of each; the `checksum` of both; and by number the sessions
-- refused, "full:<number>", "inactive:<number>" and "incompatible:<number>".

session_types = {}

local DEFAULT = 'default'
session_types.REFUSALS = { 'full', 'inactive', 'incompatible' } -- what refused sessions are counted by

-- Whether each class of `own` is one of `others`, and whether they share one.
local function compare(own, others)
  local shared = 0
  for _, class_index in ipairs(own) do
    shared = shared + (vectors.index(others, class_index) and 1 or 0)
  end
  return shared == #own, shared > 0
end

-- By type the types that share a class with it and lack one of its classes. O(types * types * classes).
local function rivals(sets)
  local found = {}
  for kind, own in ipairs(sets) do
    found[kind] = {}
    for other, theirs in ipairs(sets) do
      local is_part, shares = compare(own, theirs)
      if other ~= kind and shares and not is_part then
        table.insert(found[kind], other)
      end
    end
  end
  return found
end

-- Adds a type: its name, permanent number and class_indexes.
local function add(types, classes, name, number, set)
  local kind = #types.names + 1
  types.names[kind], types.numbers[kind], types.sets[kind] = name, number, set
  types.by_name[name], types.by_number[number] = kind, kind
  for _, class_index in ipairs(set) do
    types.may_use[(kind - 1) * classes + class_index] = true
  end
end

-- What {fleet}:types has beside its sets and numbers, to tell whether one of them was altered.
function session_types.checksum(sets, numbers)
  return redis.sha1hex(sets .. '|' .. numbers)
end

-- Calls visit(name, class_indexes) for each type of a text as in {fleet}:types.
function session_types.each(sets, visit)
  for name, own in string.gmatch(sets, '(%S-)=(%S*)') do
    visit(name, vectors.split(string.gsub(own, ',', ' '), true))
  end
end

-- The types from the texts `sets` and `numbers`; false if there are none. `text` is both, for digests.
function session_types.parse(sets, numbers, classes)
  if not sets then
    return false
  end
  local types = { names = {}, numbers = {}, sets = {}, by_name = {}, by_number = {}, may_use = {} }
  types.sets_text, types.text = sets, sets .. '|' .. numbers
  local all, permanent = {}, vectors.split(numbers, true)
  for class_index = 1, classes do
    all[class_index] = class_index
  end
  add(types, classes, DEFAULT, 0, all)
  session_types.each(sets, function(name, set) add(types, classes, name, permanent[#types.names], set) end)
  types.rivals = rivals(types.sets)
  return types
end

-- The texts `sets` and `numbers` of {fleet}:types, false if missing, and whether the checksum is theirs.
function session_types.stored(fleet)
  local found = redis.call('HMGET', keys.of_fleet(fleet, 'types'), 'sets', 'numbers', 'checksum')
  return found[1], found[2], found[3] == session_types.checksum(found[1] or '', found[2] or '')
end

-- Reads the types of a fleet.
function session_types.load(fleet)
  if fleet.kinds == 0 then
    return false
  end
  local sets, numbers = session_types.stored(fleet)
  return session_types.parse(sets, numbers, #fleet.capacities)
end

-- The kind of a type, 1 for ''; nil and the refusal if the fleet does not have it.
function session_types.find(fleet, name)
  if name == '' or name == DEFAULT then
    return 1
  elseif fleet.types and fleet.types.by_name[name] then
    return fleet.types.by_name[name]
  end
  return nil, { 'UNKNOWN_SESSION_TYPE', name, table.concat(fleet.types and fleet.types.names or { DEFAULT }, ' ') }
end

-- The refusal of the first of these names that the fleet does not have; nil if it has all.
function session_types.unknown_of(fleet, names)
  for _, name in ipairs(names) do
    local kind, refusal = session_types.find(fleet, name)
    if not kind then
      return refusal
    end
  end
end

-- The kind that options name, as `find`: 1 if they name none. A blank is before each option, and in no name.
function session_types.of_options(fleet, options)
  return session_types.find(fleet, string.match(options, ' type:(%S+)') or '')
end

-- Whether sessions of a kind may use a class.
function session_types.may_use(fleet, kind, class_index)
  return not fleet.types or fleet.types.may_use[(kind - 1) * fleet.classes + class_index]
end

-- The counts of the classes that a kind may use, 0 for the others. O(classes).
function session_types.masked(fleet, kind, counts)
  if not fleet.types then
    return counts
  end
  local masked = vectors.zeros(#counts)
  for _, class_index in ipairs(fleet.types.sets[kind]) do
    masked[class_index] = counts[class_index]
  end
  return masked
end

-- Adds to a count of refused sessions of a kind.
function session_types.count(fleet, what, kind)
  if fleet.types then
    redis.call('HINCRBY', keys.of_fleet(fleet, 'types'), what .. ':' .. fleet.types.numbers[kind], 1)
  end
end

-- The free places of the classes of a kind. O(classes).
function session_types.free(fleet, kind)
  local set, free = fleet.types.sets[kind], 0
  for at = 1, #set do
    local class_index = set[at]
    free = free + fleet.pools[class_index] * fleet.capacities[class_index] - fleet.held[class_index]
  end
  return free
end

-- What the classes of a kind lack if they have no room: {word, type, names of its classes}. O(classes).
function session_types.refusal(fleet, kind)
  local set, has_pools, names = fleet.types.sets[kind], false, {}
  for at, class_index in ipairs(set) do
    has_pools, names[at] = has_pools or fleet.pools[class_index] > 0, fleet.names[class_index]
  end
  return { has_pools and 'FULL' or 'NO_ACTIVE_POOL', fleet.types.names[kind], table.concat(names, ' ') }
end
