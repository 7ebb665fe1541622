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
  deleted[fleet.state_key] = fleet.store_epoch
end

local function create(key, now)
  local fleet = state.new(key)
  fleet.clock, fleet.lag = now, now
  fleet.store_epoch = math.max(math.floor(now / 1e6), (deleted[key] or 0) + 1)
  incarnations.create(fleet)
  return fleet
end

-- Takes over the settings of a configuration whose classes have these ids, but its policy.
function fleets.set(fleet, given, class_ids)
  for _, field in ipairs(constants.CONFIGURATION_FIELDS) do
    if field ~= 'policy' then
      fleet[field] = given[field]
    end
  end
  fleet.numbers, fleet.classes = class_ids, #class_ids
  cache.index_classes(fleet)
end

-- Writes the document and the tables compiled from it. O(levels).
function fleets.write_tables(fleet, given)
  redis.call('SET', keys.of_fleet(fleet, 'document'), given.document)
  redis.call('SET', keys.of_fleet(fleet, 'order:full'), given.order)
  redis.call('SET', keys.of_fleet(fleet, 'bound:full'), given.bound)
  for class_index = 1, #fleet.numbers do
    redis.call('SET', keys.of_class(fleet, 'marginals', class_index), given.marginals[class_index])
  end
  fleet.marginals = {}
end

-- The part of the utilities digest that totals depend on; a second part may identify an order other than the paper's.
local function totals_digest(utilities)
  return string.match(utilities, '^[^:]*')
end

-- Applies the configuration.
local function apply(fleet, given, wanted, tables_differ, totals_differ)
  local policy_differs = given.policy ~= fleet.policy
  if policy_differs then
    if fleet.policy_table then
      policy_tables.clear(fleet)
    end
    policy_changes.apply(fleet, given.policy)
  end
  local types_differ = type_changes.differ(fleet, given)
  if policy_differs or tables_differ or types_differ then
    differences.restart(fleet)
  end
  if totals_differ or types_differ then
    fleet.utilities_version = fleet.utilities_version + 1
  end
  local classes_differ = class_changes.differ(fleet, given)
  if classes_differ or given.quality ~= fleet.quality then
    quality.drop(fleet)
  end
  if fleet.kinds > 0 and (classes_differ or totals_differ or types_differ) then
    intervals.restart(fleet)
  end
  for class_index, name in ipairs(fleet.names) do
    class_changes.drop_levels(fleet, class_index, (wanted[name] or 0) + 1)
  end
  local class_ids = class_changes.ids(fleet, given.names)
  class_changes.reorder(fleet, class_ids)
  type_changes.reorder_classes(fleet, class_ids)
  fleets.set(fleet, given, class_ids)
  type_changes.apply(fleet, given)
  if tables_differ then
    fleets.write_tables(fleet, given)
    ledger.derive(fleet)
  else
    redis.call('SET', keys.of_fleet(fleet, 'document'), given.document)
  end
end

-- Writes a new fleet's cold hash. It is suspect if records of a lost one are left, so that a repair takes them over.
local function begin(fleet)
  cold.create(fleet)
  if redis.call('EXISTS', keys.of_fleet(fleet, 'sessions'), keys.of_fleet(fleet, 'pools')) > 0 then
    state.mark_suspect(fleet, 'created where records of a lost fleet are left')
  end
end

-- given: a configuration as the dispatcher compiled it from `document`. `expected` is the version, '' for any,
-- `utilities` digests of what totals depend on, and of an order other than the paper's; times are in µs.
--   -> {CONFIGURED, version, created} | {VERSION_MISMATCH, version} | {CLASS_IN_USE, name}
--    | {CAPACITY_BELOW_OCCUPANCY, name} | {SESSION_TYPE_IN_USE, name, sessions, classes}; then the fleet, if it exists.
-- O(levels + classes * pools / 8).
function fleets.put(fleet, key, given)
  local created = not fleet
  if fleet then
    cold.load_all(fleet)
  end
  local version = fleet and fleet.config_version or 0
  if given.expected ~= '' and tonumber(given.expected) ~= version then
    return { 'VERSION_MISMATCH', version }, fleet
  end
  fleet = fleet or create(key, given.clock)
  local wanted = {}
  for class_index, name in ipairs(given.names) do
    wanted[name] = given.capacities[class_index]
  end
  local refused = class_changes.refusal(fleet, wanted) or fleet.types and type_changes.refusal(fleet, given)
  if refused then
    return refused, fleet
  end
  -- writes
  if created then
    begin(fleet)
  end
  local tables_differ = given.utilities ~= fleet.utilities
  local totals_differ = totals_digest(given.utilities) ~= totals_digest(fleet.utilities)
  local reset = totals_differ or given.policy ~= fleet.policy
  derived.change(fleet, function()
    cache.invalidate(fleet)
    apply(fleet, given, wanted, tables_differ, totals_differ)
  end, true, reset)
  fleet.config_version = version + 1
  marks.set(fleet, { 'fleet' })
  return { 'CONFIGURED', fleet.config_version, created and 1 or 0 }, fleet
end

-- expected: version, '' for any -> {DELETED} | {IN_USE} | {VERSION_MISMATCH, version}. O(levels + classes).
function fleets.delete(fleet, given)
  cold.load(fleet, 'config_version', 'store_epoch')
  if given.expected ~= '' and tonumber(given.expected) ~= fleet.config_version then
    return { 'VERSION_MISMATCH', fleet.config_version }
  elseif redis.call('HLEN', keys.of_fleet(fleet, 'sessions')) > 0 then
    return { 'IN_USE' }
  end
  -- writes
  fleet.revision = fleet.revision + 1 -- of the deletion
  remember_epoch(fleet)
  incarnations.drop(fleet)
  cache.drop(fleet)
  ticks.drop(fleet)
  quality.drop(fleet)
  policy_tables.clear(fleet)
  for class_index = 1, #fleet.numbers do
    class_changes.drop(fleet, class_index)
  end
  for _, window in ipairs(constants.WINDOWS) do
    redis.call('UNLINK', keys.of_past(fleet, window))
  end
  for name in pairs(keys.FLEET) do
    redis.call('UNLINK', keys.of_fleet(fleet, name))
  end
  return { 'DELETED' }
end
