-- Session types of a fleet (service/slta/core/session_types): which classes the sessions of each may use, and the
-- sessions by type and class. A fleet without them has `types` of the compiled tables false, and nothing of this.
--
-- A type has a kind, its position 1..T in the configuration, and a permanent number, which records use. Kind 1, number
-- 0, is `default`: all classes.
--
-- {fleet}:types is a hash of numbers: "held:<number>:<class id>", the sessions on pools in service; "others:<number>",
-- those on other pools; "assigned:<number>"; "full:<number>", "inactive:<number>" and "incompatible:<number>", refused
-- ones; and the integrals of `intervals`. It is read whole once as `fleet.by_type`; a call writes what it changed.

types = {}

local DEFAULT = 'default'
types.REFUSALS = { 'full', 'inactive', 'incompatible' } -- what refused sessions are counted by
local BY_TYPE = { 'others', 'assigned', 'since', 'sum', 'high', 'low', 'full', 'inactive', 'incompatible' }
local NUMBERS = {
  'compatibility_high', 'compatibility_low', 'interval_since', 'interval_optimum_high', 'interval_optimum_low',
}

-- Whether the second set shares a class with the first and lacks one of its classes.
local function is_rival(own, theirs)
  local shared = 0
  for _, class in ipairs(own) do
    shared = shared + (vectors.index(theirs, class) and 1 or 0)
  end
  return shared > 0 and shared < #own
end

local function find_rivals(sets)
  local rivals = {}
  for kind, own in ipairs(sets) do
    rivals[kind] = {}
    for other, theirs in ipairs(sets) do
      if other ~= kind and is_rival(own, theirs) then
        table.insert(rivals[kind], other)
      end
    end
  end
  return rivals
end

local function add(found, name, number, set)
  local kind = #found.names + 1
  found.names[kind], found.numbers[kind], found.sets[kind] = name, number, set
  found.by_name[name], found.by_number[number] = kind, kind
  for _, class in ipairs(set) do
    found.may_use[(kind - 1) * found.classes + class] = true
  end
end

-- Calls visit(name, classes) for each type of a text, "video=2,3 chat=1,2".
function types.each(text, visit)
  for name, own in string.gmatch(text, '(%S-)=(%S*)') do
    visit(name, vectors.split(string.gsub(own, ',', ' '), true))
  end
end

-- The types of a text and of their permanent numbers; false without any.
function types.parse(text, numbers, classes)
  if text == '' then
    return false
  end
  local found = { names = {}, numbers = {}, sets = {}, by_name = {}, by_number = {}, may_use = {}, classes = classes }
  local all, permanent = {}, vectors.split(numbers, true)
  for class = 1, classes do
    all[class] = class
  end
  add(found, DEFAULT, 0, all)
  types.each(text, function(name, set) add(found, name, permanent[#found.names], set) end)
  found.rivals = find_rivals(found.sets)
  return found
end

-- The kind of a type, 1 for ''; nil and the refusal if the fleet does not have it.
function types.find(fleet, name)
  local known = fleet.tables_of.types
  if name == '' or name == DEFAULT then
    return 1
  elseif known and known.by_name[name] then
    return known.by_name[name]
  end
  return nil, { 'UNKNOWN_SESSION_TYPE', name, table.concat(known and known.names or { DEFAULT }, ' ') }
end

-- The refusal of the first of these names that the fleet does not have; nil if it has all.
function types.unknown_of(fleet, names)
  for _, name in ipairs(names) do
    local kind, refusal = types.find(fleet, name)
    if not kind then
      return refusal
    end
  end
end

-- The kind that options name, as `find`: 1 if they name none. A blank is before each option, and in no name.
function types.of_options(fleet, options)
  return types.find(fleet, string.match(options, ' type:(%S+)') or '')
end

-- The kind of a type's permanent number; 1 if the fleet does not have that type.
function types.of_number(fleet, number)
  local known = fleet.tables_of.types
  return known and known.by_number[number] or 1
end

-- Whether sessions of a kind may use a class.
function types.may_use(fleet, kind, class)
  local known = fleet.tables_of.types
  return not known or known.may_use[(kind - 1) * known.classes + class] or false
end

-- The sum of the numbers of the classes that a kind may use. O(classes).
function types.total(fleet, kind, counts)
  local known = fleet.tables_of.types
  if not known then
    return vectors.sum(counts)
  end
  local total, set = 0, known.sets[kind]
  for at = 1, #set do
    total = total + counts[set[at]]
  end
  return total
end

-- What the classes of a kind lack if they have no room: {word, type, names of its classes}. O(classes).
function types.refusal(fleet, kind)
  local compiled, has_pools, names = fleet.tables_of, false, {}
  for at, class in ipairs(compiled.types.sets[kind]) do
    has_pools, names[at] = has_pools or compiled.pools[class] > 0, compiled.names[class]
  end
  return { has_pools and 'FULL' or 'NO_ACTIVE_POOL', compiled.types.names[kind], table.concat(names, ' ') }
end

-- Sets what follows from the numbers of sessions: N_t by kind, and by class. O(classes * types).
function types.sum(fleet, own)
  local known = fleet.tables_of.types
  own.sessions, own.by_class = vectors.zeros(#known.names), vectors.zeros(known.classes)
  for kind = 1, #known.names do
    for class = 1, known.classes do
      local count = own.held[(kind - 1) * known.classes + class]
      own.sessions[kind], own.by_class[class] = own.sessions[kind] + count, own.by_class[class] + count
    end
  end
end

-- Calls visit(field, list, at) for each number of the counts, list[at]. O(classes * types).
local function each_number(fleet, own, visit)
  local compiled = fleet.tables_of
  for kind, number in ipairs(compiled.types.numbers) do
    for _, name in ipairs(BY_TYPE) do
      visit(name .. ':' .. number, own[name], kind)
    end
    for class, id in ipairs(compiled.ids) do
      visit('held:' .. number .. ':' .. id, own.held, (kind - 1) * compiled.types.classes + class)
    end
  end
  for class, id in ipairs(compiled.ids) do
    visit('interval_pools:' .. id, own.interval_pools, class)
  end
  for _, name in ipairs(NUMBERS) do
    visit(name, own, name)
  end
end

-- The counts of a fleet, `stored` by field. O(classes * types).
local function read(fleet, stored)
  local own = { changed = {}, held = {}, interval_pools = {}, waiting = vectors.split(stored.waiting or '', true) }
  for _, name in ipairs(BY_TYPE) do
    own[name] = {}
  end
  each_number(fleet, own, function(field, list, at)
    local value = tonumber(stored[field] or 0)
    local is_valid = value and (list == own or value % 1 == 0)
    list[at] = is_valid and value or error(field .. ' of the types is no number')
  end)
  types.sum(fleet, own)
  return own
end

-- The counts of a fleet with types, read if they are not in memory.
function types.counts(fleet)
  local own = fleet.by_type
  if not own then
    own = read(fleet, vectors.by_name(redis.call('HGETALL', fleet.prefix .. 'types')))
    fleet.by_type = own
  end
  return own
end

-- The free places of a class: sessions beyond a pool's capacity take none.
function types.free_of_class(fleet, class)
  local compiled = fleet.tables_of
  return compiled.pools[class] * compiled.capacities[class] - types.counts(fleet).by_class[class] + fleet.over[class]
end

-- All fields of the counts with their values. O(classes * types).
local function all_fields(fleet, own)
  local flat = { 'waiting', vectors.encode(own.waiting) }
  each_number(fleet, own, function(field, list, at)
    flat[#flat + 1], flat[#flat + 2] = field, vectors.text(list[at])
  end)
  return flat
end

local names_of = {} -- of fields of a kind, by number

local function fields_of(number)
  if not names_of[number] then
    names_of[number] = { held = {} }
    for _, name in ipairs(BY_TYPE) do
      names_of[number][name] = name .. ':' .. number
    end
  end
  return names_of[number]
end

-- Adds the sessions of a kind on pools in service, up to now, to their integral over the open interval, which a plain
-- sum of integers has exactly.
function types.settle(fleet, own, kind)
  local names = fields_of(fleet.tables_of.types.numbers[kind])
  own.sum[kind] = own.sum[kind] + own.sessions[kind] * (fleet.time - own.since[kind])
  own.since[kind] = fleet.time
  own.changed[names.sum], own.changed[names.since] = own.sum[kind], own.since[kind]
end

-- So many sessions of a kind come to the pool in service with this number; negative if they go. O(1).
function types.move(fleet, kind, class, number_of_pool, count)
  local own, compiled = types.counts(fleet), fleet.tables_of
  local number, id = compiled.types.numbers[kind], compiled.ids[class]
  local cell, names = (kind - 1) * compiled.types.classes + class, fields_of(number).held
  types.settle(fleet, own, kind)
  own.held[cell], own.sessions[kind] = own.held[cell] + count, own.sessions[kind] + count
  own.by_class[class] = own.by_class[class] + count
  if not names[id] then
    names[id] = 'held:' .. number .. ':' .. id
  end
  own.changed[names[id]] = own.held[cell]
  tallies.add(fleet, number_of_pool, names[id], count)
end

-- The same for a pool that is not in service. O(1).
function types.move_elsewhere(fleet, kind, number_of_pool, count)
  if fleet.tables_of.types then
    types.add(fleet, 'others', kind, count)
    tallies.add(fleet, number_of_pool, fields_of(fleet.tables_of.types.numbers[kind]).others, count)
  end
end

-- Adds to a count of a kind.
function types.add(fleet, name, kind, change)
  if fleet.tables_of.types then
    local own = types.counts(fleet)
    own[name][kind] = own[name][kind] + change
    own.changed[fields_of(fleet.tables_of.types.numbers[kind])[name]] = own[name][kind]
  end
end

-- Writes the fields that the call changed; returns whether there are any.
function types.write(fleet)
  local own, words, key = fleet.by_type, {}, fleet.prefix .. 'types'
  if not own then
    return false
  elseif own.is_new then
    redis.call('DEL', key)
    words = all_fields(fleet, own)
  else
    for name, value in pairs(own.changed) do
      words[#words + 1], words[#words + 2] = name, vectors.text(value)
    end
  end
  own.changed, own.is_new = {}, false
  commands.send('HSET', key, words)
  return words[1] ~= nil
end

-- Gives a fleet the counts of another one's fields by name; those that are missing are 0.
function types.take(fleet, stored)
  fleet.by_type = read(fleet, stored)
  fleet.by_type.is_new = true
  return fleet.by_type
end

-- The counts by field, to be taken over; nil without types.
function types.flat(fleet)
  if fleet.tables_of.types then
    return vectors.by_name(all_fields(fleet, types.counts(fleet)))
  end
end

-- Appends what a snapshot shows of the types to a flat list of names and texts. O(classes * types).
function types.describe(fleet, flat)
  local known = fleet.tables_of.types
  if not known then
    return
  end
  local own = types.counts(fleet)
  vectors.append(flat, {
    'type_names', table.concat(known.names, ' '), 'type_sessions', vectors.encode(own.sessions),
    'type_others', vectors.encode(own.others), 'type_assigned', vectors.encode(own.assigned),
    'type_held', vectors.encode(own.held),
  })
  for _, word in ipairs(types.REFUSALS) do
    vectors.append(flat, { 'type_refused_' .. word, vectors.encode(own[word]) })
  end
end
