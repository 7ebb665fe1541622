-- The beginning of a repair: a writable state with whatever is left of the old one, and tables compiled from the
-- document.

repair_begin = {}

local UNDER_WAY = 10e6 -- µs after its last slice during which a repair is continued rather than restarted

-- Loads the stored cold fields, and resets invalid fields.
local function read_fields(fleet)
  local stored = redis.call('TYPE', keys.of_fleet(fleet, 'cold')).ok == 'hash' and cold.stored(fleet) or {}
  state.each_field(fleet.policy_table, function(field, _, is_cold)
    if is_cold then
      cold.set(fleet, field, stored[field] or false)
    end
  end)
  field_values.check_kinds(fleet, repair_writes.slice(0, {}))
end

local function has_marginals(fleet, class_id, marginals)
  return class_id and redis.pcall('GET', fleet.prefix .. 'marginals:' .. class_id) == marginals
end

-- The class_id of a class: the lowest free one with these marginal utilities, else the lowest free one.
local function find_class_id(fleet, marginals, taken)
  local free
  for class_id = 0, constants.MAX_CLASSES - 1 do
    if not taken[class_id] then
      free = free or class_id
      if has_marginals(fleet, class_id, marginals) then
        return class_id
      end
    end
  end
  return free
end

-- The class ids: the stored ones if the digest of the tables or the class's marginal utilities confirm them.
local function find_class_ids(fleet, given)
  local class_ids, taken, trusted = {}, {}, false
  if #fleet.numbers == #given.names then
    trusted = cache.digest(fleet, fleet.numbers, fleet.pools, fleet.types) == fleet.tables
  end
  for class_index = 1, #given.names do
    local stored, marginals = fleet.numbers[class_index], given.marginals[class_index]
    local is_confirmed = stored and not taken[stored] and (trusted or has_marginals(fleet, stored, marginals))
    local class_id = is_confirmed and stored or find_class_id(fleet, marginals, taken)
    class_ids[class_index], taken[class_id] = class_id, true
  end
  return class_ids
end

-- Applies the settings and tables of the document.
local function apply_document(fleet, given)
  local class_ids = find_class_ids(fleet, given)
  local numbers, assigned = repair_types.recall(fleet, given, class_ids, given.clock)
  fleets.set(fleet, given, class_ids)
  type_changes.restore(fleet, given, numbers, assigned)
  if fleet.policy ~= given.policy then
    policy_changes.apply(fleet, given.policy)
  end
  fleets.write_tables(fleet, given)
end

-- Repairs clocks and times.
local function repair_times(fleet, now)
  field_values.check_times(fleet, repair_writes.slice(0, {}))
  fleet.clock = now
  fleet_time.resume(fleet, now, fleet.time)
  fleet.pools_since, fleet.next_due = fleet.time, math.floor(fleet.time / 1e6) + 1
  fleet.store_epoch = fleet.store_epoch > 0 and fleet.store_epoch or math.floor(now / 1e6)
  fleet.config_version = math.max(1, fleet.config_version)
  if redis.call('EXISTS', keys.of_fleet(fleet, 'addresses'), keys.of_fleet(fleet, 'labels')) > 0 then
    fleet.attribute_list = cache.next_version(fleet.attribute_list)
  end
  incarnations.repair(fleet)
end

-- Deletes a key of another type than its own, else makes it persistent.
local function repair_key(fleet, name, kind)
  local key = keys.of_fleet(fleet, name)
  local present = redis.call('TYPE', key).ok
  redis.call('PERSIST', key)
  if present ~= 'none' and present ~= kind then
    redis.call('UNLINK', key)
    aside.set(fleet, 'key ' .. name, 'was a ' .. present)
  end
end

-- The same for all keys of the fleet; deletes invalid events and histories.
local function repair_fleet_keys(fleet)
  repair_key(fleet, 'aside', keys.FLEET.aside)
  for name, kind in pairs(keys.FLEET) do
    repair_key(fleet, name, kind)
  end
  events.repair(fleet)
  stored_tables.check_past(fleet, repair_writes.slice(0, {}))
end

-- Adds missing cold fields that are read with the state, so that the state can be read.
local function repair_cold_hash(key)
  local hash = string.sub(key, 1, -6) .. 'cold'
  if redis.call('TYPE', hash).ok ~= 'hash' then
    redis.call('UNLINK', hash)
  end
  for _, name in ipairs({ 'names', 'numbers', 'capacities' }) do
    redis.call('HSET', hash, name, redis.call('HGET', hash, name) or '')
  end
end

-- Opens the fleet as far as it can be read, or as a new one on the same keys; nil and the refusal if this version must
-- not touch it, or if the document is not the one that was compiled. `can_write` permits writes that make more of it
-- readable.
local function open(key, given, can_write)
  local document = redis.pcall('GET', string.sub(key, 1, -6) .. 'document')
  if not policy_tables.BY_NAME[given.policy] then
    return nil, { 'NEWER_FLEET' }
  elseif document ~= given.document then
    return nil, { document and 'DOCUMENT_CHANGED' or 'UNKNOWN_FLEET' }
  end
  local is_read, fleet, refusal = pcall(state.read, key, true)
  if not is_read and can_write then
    repair_cold_hash(key)
    repair_types.drop_unreadable(string.sub(key, 1, -6))
    is_read, fleet, refusal = pcall(state.read, key, true)
  end
  if is_read and fleet then
    return fleet
  elseif is_read and refusal ~= 'UNKNOWN_FLEET' then
    return nil, { refusal }
  end
  fleet = state.new(key)
  fleet.policy_table = policy_tables.BY_NAME[given.policy]
  fleet.policy, fleet.classes, fleet.clock, fleet.pools = given.policy, #given.names, given.clock, nil
  return fleet
end

-- -> {CLASSES, policy, the class ids that a repair would assign, session records} | a refusal as in `repair_begin.run`.
-- O(levels).
function repair_begin.survey(key, given)
  local fleet, refusal = open(key, given)
  if not fleet then
    return refusal
  end
  read_fields(fleet)
  local count = redis.pcall('HLEN', keys.of_fleet(fleet, 'sessions'))
  return { 'CLASSES', given.policy, table.concat(find_class_ids(fleet, given), ' '), tonumber(count) or 0 }
end

-- given: a configuration as for `put`, compiled from the stored document; `requested`, `put_back` as in `repair.begin`.
--   -> {BEGUN}, the fleet, whether it is to be written | {SOUND} if no repair was requested and none is needed
--    | {UNKNOWN_FLEET} | {DOCUMENT_CHANGED} since it was compiled | {NEWER_FLEET}. O(levels).
function repair_begin.run(key, given)
  local fleet, refusal = open(key, given, true)
  if not fleet then
    return refusal
  elseif repair.is_under_way(fleet, UNDER_WAY, given.requested) then
    return { 'BEGUN' }, fleet
  elseif not given.requested and not repair.is_claimed(fleet) then
    return { 'SOUND' }
  end
  -- writes
  repair_fleet_keys(fleet)
  read_fields(fleet)
  cache.invalidate(fleet)
  apply_document(fleet, given)
  field_values.check_kinds(fleet, repair_writes.slice(0, {}))
  repair_times(fleet, given.clock)
  cache.invalidate(fleet)
  cache.store(fleet)
  return repair.begin(fleet, given), fleet, true
end
