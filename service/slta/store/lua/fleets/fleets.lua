-- Fleets: create, configure and delete.

fleets = {}

local deleted = {} -- by key, the epochs of fleets deleted within the last second

-- Records a deleted fleet's epoch, so that a fleet created under the same name within the same second gets a higher one
-- and is not taken for the old one. O(fleets deleted within the last second).
local function remember_epoch(fleet)
  local second = math.floor(fleet.clock / 1e6)
  for key, epoch in pairs(deleted) do
    deleted[key] = epoch >= second and epoch or nil
  end
  deleted[fleet.key] = fleet.store_epoch
end

-- The permanent numbers of names, `known` by name: those that are known, or the lowest free ones from `first` on.
local function numbers_for(names, known, first)
  local taken, numbers = {}, {}
  for _, number in pairs(known) do
    taken[number] = true
  end
  for at, name in ipairs(names) do
    local free = first
    while not known[name] and taken[free] do
      free = free + 1
    end
    numbers[at] = known[name] or free
    taken[numbers[at]] = true
  end
  return numbers
end

local function by_name(names, numbers, from)
  local found = {}
  for at = from, #names do
    found[names[at]] = numbers[at]
  end
  return found
end

-- The largest occupancy of a pool of a class. O(log pools).
local function largest_occupancy(fleet, class)
  local largest = 0
  for _, set in ipairs({ 'pools', 'quiet', 'leaving' }) do
    local flat = redis.call('ZRANGE', fleet.tables_of.keys[set][class], -1, -1, 'WITHSCORES')
    largest = math.max(largest, tonumber(flat[2]) or 0)
  end
  return largest
end

-- The refusal if classes of the capacities `wanted` by name cannot replace the present ones, else nil. O(classes).
local function refuse_classes(fleet, wanted)
  local compiled = fleet.tables_of
  for class, name in ipairs(compiled.names) do
    if redis.call('BITCOUNT', compiled.keys.used[class]) > 0 then
      if not wanted[name] then
        return { 'CLASS_IN_USE', name }
      elseif wanted[name] < compiled.capacities[class] and largest_occupancy(fleet, class) > wanted[name] then
        return { 'CAPACITY_BELOW_OCCUPANCY', name }
      end
    end
  end
end

-- The classes of a type that stay and are not in its new set, separated by blanks.
local function lost_classes(fleet, kind, set, names)
  local lost = {}
  for _, class in ipairs(fleet.tables_of.types.sets[kind]) do
    local name = fleet.tables_of.names[class]
    local position = vectors.index(names, name)
    lost[#lost + 1] = position and not vectors.index(set, position) and name or nil
  end
  return table.concat(lost, ' ')
end

-- The refusal if a type of which sessions are present is removed or loses a class that stays, else nil: the bound holds
-- only while each session is in a class of its type. The reply ends with the classes lost, none if the type is removed.
-- O(classes * types).
local function refuse_types(fleet, given)
  local known, wanted = fleet.tables_of.types, {}
  types.each(given.session_types, function(name, set) wanted[name] = set end)
  for kind = 2, known and #known.names or 0 do
    local own, name = types.counts(fleet), known.names[kind]
    local count, set = own.sessions[kind] + own.others[kind], wanted[name]
    local lost = count > 0 and set and lost_classes(fleet, kind, set, given.names) or ''
    if count > 0 and (not set or lost ~= '') then
      return { 'SESSION_TYPE_IN_USE', name, count, lost }
    end
  end
end

-- What a configuration changes of a fleet; of a new one everything.
local function compare(compiled, given)
  if not compiled then
    return {
      policy = true, tables = true, totals = true, classes = true, types = given.session_types ~= '', quality = true,
    }
  end
  local function classes_of(names, capacities)
    return table.concat(names, ' ') .. '|' .. vectors.encode(capacities)
  end
  -- The first part of `utilities` is the one that totals depend on; a second one may be that of another order.
  local function totals_of(utilities)
    return string.match(utilities, '^[^:]*')
  end
  return {
    policy = given.policy ~= compiled.policy, tables = given.utilities ~= compiled.utilities,
    totals = totals_of(given.utilities) ~= totals_of(compiled.utilities),
    classes = classes_of(given.names, given.capacities) ~= classes_of(compiled.names, compiled.capacities),
    types = given.session_types ~= compiled.session_types, quality = given.quality ~= compiled.quality,
  }
end

-- Restarts what is measured under the former configuration.
local function restart(fleet, differs)
  if differs.policy or differs.tables or differs.types then
    differences.restart(fleet)
  end
  if differs.totals or differs.types then
    fleet.utilities_version = fleet.utilities_version + 1
  end
  if differs.classes or differs.totals or differs.types then
    intervals.restart(fleet)
  end
  if differs.classes or differs.quality then
    quality.drop(fleet)
  end
  if differs.policy and fleet.tables_of.policy_table.clear then
    fleet.tables_of.policy_table.clear(fleet)
  end
end

-- The vectors by field.
local function flat_vectors(fleet)
  local stored = {}
  for _, name in ipairs(state.BY_CLASS) do
    for class in ipairs(fleet.tables_of.names) do
      stored[tables.field(fleet, name, class)] = fleet[name][class]
    end
  end
  return stored
end

-- Deletes the keys and fields of classes that the fleet no longer has.
local function drop_classes(fleet, before)
  for class, id in ipairs(before.ids) do
    if not fleet.tables_of.index_by_id[id] then
      keys.drop_class(before.keys, class)
      for _, name in ipairs(state.BY_CLASS) do
        fleet.changed[name .. ':' .. id] = nil
        redis.call('HDEL', before.keys.fleet, name .. ':' .. id)
      end
    end
  end
end

-- Gives the fleet the counts by type under its new configuration, `stored` the former ones by field. O(classes *
-- types), O(pools) for the first types.
local function take_types(fleet, stored)
  if not fleet.tables_of.types then
    fleet.by_type = false
    redis.call('DEL', fleet.tables_of.keys.types)
    return
  end
  local own = types.take(fleet, stored or {})
  if not stored then
    for class = 1, #fleet.tables_of.names do
      own.held[class] = occupancies.held(fleet, class)
      own.others[1] = own.others[1] + occupancies.held_elsewhere(fleet, class)
    end
    for kind = 1, #fleet.tables_of.types.names do
      own.since[kind] = fleet.time
    end
    types.sum(fleet, own)
    intervals.begin(fleet, own)
  end
end

-- Takes over the tables of a configuration.
local function take_tables(fleet, given, before)
  local class_ids = numbers_for(given.names, before and by_name(before.names, before.ids, 1) or {}, 0)
  local known, names = before and before.types, {}
  types.each(given.session_types, function(name) names[#names + 1] = name end)
  local type_numbers = numbers_for(names, known and by_name(known.names, known.numbers, 2) or {}, 1)
  redis.call('HSET', fleet.prefix .. 'document', 'text', given.document, 'ids', table.concat(class_ids, ' '),
    'type_numbers', table.concat(type_numbers, ' '))
  tables.write(fleet, given, class_ids, type_numbers)
  fleet.tables_of = tables.open(fleet, nil)
end

-- Applies the configuration. O(levels + pools).
local function apply(fleet, given, differs)
  local before, vectors_before, types_before = fleet.tables_of, {}, nil
  if before then
    policies.count(fleet)
    policies.integrate_pools(fleet)
    restart(fleet, differs)
    vectors_before, types_before = flat_vectors(fleet), types.flat(fleet)
  end
  take_tables(fleet, given, before)
  state.set_vectors(fleet, vectors_before)
  if before then
    drop_classes(fleet, before)
  else
    fleet.utilities_version = 1
    quality.drop(fleet) -- what an earlier fleet of this name left in memory
  end
  policies.total(fleet)
  take_types(fleet, types_before)
  fleet.counts = false
  policies.rebuild(fleet, differs.totals or differs.policy, true)
end

local function create(key, given)
  local fleet = state.new(key, given.clock)
  fleet.store_epoch = math.max(math.floor(given.clock / 1e6), (deleted[key] or 0) + 1)
  incarnations.create(fleet)
  if redis.call('EXISTS', fleet.prefix .. 'sessions', fleet.prefix .. 'records') > 0 then
    fleet.suspect = 'created where records of a lost fleet are left'
  end
  return fleet
end

-- The refusal of a configuration, nil if it can be applied.
local function refuse(fleet, given)
  local version = fleet and fleet.config_version or 0
  if given.expected ~= '' and tonumber(given.expected) ~= version then
    return { 'VERSION_MISMATCH', version }
  elseif fleet then
    local wanted = {}
    for class, name in ipairs(given.names) do
      wanted[name] = given.capacities[class]
    end
    return refuse_classes(fleet, wanted) or refuse_types(fleet, given)
  end
end

-- given: a configuration as the dispatcher compiled it from `document`. `expected` is the version, '' for any,
-- `utilities` digests of what totals depend on, and of an order other than the paper's; times are in µs.
--   -> {CONFIGURED, version, created} | {VERSION_MISMATCH, version} | {CLASS_IN_USE, name}
--    | {CAPACITY_BELOW_OCCUPANCY, name} | {SESSION_TYPE_IN_USE, name, sessions, classes}; then the fleet, if it exists.
-- O(levels + pools).
function fleets.put(fleet, key, given)
  local refusal = refuse(fleet, given)
  if refusal then
    return refusal, fleet
  end
  -- writes
  local created = not fleet
  fleet = fleet or create(key, given)
  apply(fleet, given, compare(fleet.tables_of, given))
  fleet.config_version = fleet.config_version + 1
  state.touch(fleet)
  return { 'CONFIGURED', fleet.config_version, created and 1 or 0 }, fleet
end

-- expected: version, '' for any -> {DELETED} | {IN_USE} | {VERSION_MISMATCH, version}. O(levels + classes).
function fleets.delete(fleet, given)
  local all = fleet.tables_of.keys
  if given.expected ~= '' and tonumber(given.expected) ~= fleet.config_version then
    return { 'VERSION_MISMATCH', fleet.config_version }
  elseif redis.call('HLEN', all.sessions) > 0 then
    return { 'IN_USE' }
  end
  -- writes
  fleet.revision = fleet.revision + 1 -- of the deletion
  remember_epoch(fleet)
  incarnations.drop(fleet)
  ticks.drop(fleet)
  claims.drop(fleet)
  quality.drop(fleet)
  state.forget(fleet.key)
  keys.drop_fleet(all, #fleet.tables_of.names)
  return { 'DELETED' }
end

-- Records which fleet file is applied, '' for none; `file` ends in '+' until its pools are added too.
function fleets.begin_file(fleet, file)
  fleet.file = file ~= '' and file or fleet.file
end

-- file -> {FINISHED}: its pools are added. Nothing changes if another file has been begun since. O(1).
function fleets.finish_file(fleet, given)
  if fleet.file == given.file .. '+' then
    fleet.file = given.file
  end
  return { 'FINISHED' }
end
