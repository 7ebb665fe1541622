-- A fleet's fields, in two keys. {fleet}:state is one packed string of what operations read and change; {fleet}:cold
-- is a hash of the others as text, read when first used and written when changed.
--
-- The packed string is a row of MessagePack values: the layout's number, the policy's name, the number of classes, then
-- two blocks, the fleet's fields and its policy's, each with its length in front, then whatever a newer version added.
-- A vector stands in its block as one number per class. New fields go to the end of a block: a version that does not
-- know them keeps them and writes them back, and one that does not find them takes them for 0.

state = {}

local HOT = {
  'tables', -- the first: `memory.lend` looks for it
  'next_due', 'ended_generation', 'older_ended', 'clock', 'time', 'hold_until',
  'session_count', 'utility', 'optimum', 'bound_rank', 'bound_filled', 'active_pools', 'room_for', 'last_rank',
  'sessions_high', 'sessions_low', 'utility_high', 'utility_low', 'optimum_high', 'optimum_low',
  'assigned', 'completed', 'expired', 'steps_up', 'steps_down', 'pool_counts',
  'early_completes', 'pool_list', 'revision', 'incarnation',
}
local HOT_VECTORS = { pool_counts = true }

local COLD = {
  number = {
    'config_version', 'utilities_version', 'store_epoch', 'lease', 'retention', 'beta_coefficient', 'beta_power',
    'pools_since', 'ended_since', 'adopted', 'failed', 'reported_ended', 'rejected_no_capacity',
    'rejected_no_active_pool', 'repairs', 'went_back', 'marked_incarnation', 'exponent',
  },
  vector = {
    'numbers', 'capacities', 'draining_pools', 'failed_pools', 'draining_sessions', 'pools_high', 'pools_low',
  },
  words = { 'class_names', 'incarnations' },
  text = { 'utilities', 'suspect' },
}

-- In the cold hash and in snapshots some fields are called like a key; here each word means one thing.
local STORED_AS = { session_count = 'sessions', pool_counts = 'pools', class_names = 'names', open_counts = 'open' }

local cold_kinds -- by field; filled while a function runs, for the top level of a library has no standard functions

local function list_cold_kinds()
  cold_kinds = {}
  for kind, fields in pairs(COLD) do
    for _, field in ipairs(fields) do
      cold_kinds[field] = kind
    end
  end
  policies.each_token(function(token)
    cold_kinds['assigned_' .. token] = 'vector' -- of policies that the fleet had before
  end)
end

local function cold_key(fleet)
  return keys.of_fleet(fleet, 'cold')
end

-- The cold fields as they are stored, and not as operations remember them: by stored name, as text. O(fields).
function state.stored_cold(fleet)
  local flat, stored = redis.call('HGETALL', cold_key(fleet)), {}
  for at = 1, #flat, 2 do
    stored[flat[at]] = flat[at + 1]
  end
  return stored
end

-- A field that is not there yet is read from the cold hash, or noted as one to write.
local COLD_WHEN_USED = {
  __index = function(fleet, field)
    local kind = cold_kinds[field]
    local text = kind and not fleet.new and redis.call('HGET', cold_key(fleet), STORED_AS[field] or field)
    if not text then
      return nil
    end
    local value = vectors.decode(kind, text)
    fleet.cold[field] = text
    rawset(fleet, field, value)
    return value
  end,
  __newindex = function(fleet, field, value)
    if cold_kinds[field] then
      fleet.cold[field] = fleet.cold[field] or false
    end
    rawset(fleet, field, value)
  end,
}

-- A fleet without fields. `prefix` is "{fleet}:", which every key of the fleet begins with; a `new` one has nothing
-- stored. `classes` is their number, `cold` has the fields of the cold hash that were used, as they were stored (false
-- where nobody looked); the state is packed from the list `packed`.
local function blank(key, new, classes)
  if not cold_kinds then
    list_cold_kinds()
  end
  return {
    state_key = key, prefix = string.sub(key, 1, -6), new = new, classes = classes,
    cold = {}, unknown = {}, packed = {}, fleet_keys = {},
  }
end

-- A fleet as a table of its fields; nil and a word when there is none, or when it is not for this library to touch:
-- UNKNOWN_FLEET, OLDER_FLEET for a layout before this one, NEWER_FLEET for a layout or policy not known here,
-- REPAIRING for one that is under repair unless `repairing`.
function state.read(key, repairing)
  local text = redis.pcall('GET', key)
  if not text then
    return nil, 'UNKNOWN_FLEET'
  elseif type(text) == 'table' then
    error('the state is no string')
  end
  local values = { cmsgpack.unpack(text) }
  local policy = policies.BY_NAME[values[2]]
  local under_repair = values[1] == constants.UNDER_REPAIR
  if values[1] < constants.LAYOUT then
    return nil, 'OLDER_FLEET'
  elseif values[1] > constants.LAYOUT and not under_repair or not policy then
    return nil, 'NEWER_FLEET'
  elseif under_repair and not repairing then
    return nil, 'REPAIRING'
  end
  local fleet = memory.lend(key, values) or blank(key, false, values[3])
  fleet.layout, fleet.policy, fleet.rules = values[1], values[2], policy
  local at = blocks.take(fleet, values, 4, HOT, HOT_VECTORS)
  at = blocks.take(fleet, values, at, policies.fields(policy))
  if at <= #values then
    fleet.unknown.blocks = { unpack(values, at) }
  end
  if not fleet.class_names then
    memory.recall(fleet)
    setmetatable(fleet, COLD_WHEN_USED)
  end
  return fleet
end

-- A fleet that does not exist yet, without classes and policy, all its numbers 0.
function state.new(key)
  local fleet = setmetatable(blank(key, true, 0), COLD_WHEN_USED)
  fleet.layout, fleet.policy = constants.LAYOUT, ''
  for _, field in ipairs(HOT) do
    fleet[field] = HOT_VECTORS[field] and {} or 0
  end
  local empty = { number = 0, text = '' }
  for field, kind in pairs(cold_kinds) do
    fleet[field] = empty[kind] or {}
  end
  memory.forget(fleet)
  return fleet
end

-- Writes the fields: the hot ones always, of the cold ones those that changed.
function state.write(fleet)
  local values = fleet.packed
  values[1], values[2], values[3] = fleet.layout, fleet.policy, fleet.classes
  local at = blocks.put(fleet, values, 4, HOT, HOT_VECTORS)
  at = blocks.put(fleet, values, at, policies.fields(fleet.rules))
  if fleet.unknown.blocks then
    for _, value in ipairs(fleet.unknown.blocks) do
      values[at] = value
      at = at + 1
    end
  end
  redis.call('SET', fleet.state_key, cmsgpack.pack(unpack(values, 1, at - 1)))
  incarnations.leave(fleet)
  if not next(fleet.cold) then
    memory.take_back(fleet)
    return
  end
  local changes = {}
  for field, before in pairs(fleet.cold) do
    local text = vectors.encode(fleet[field])
    if text ~= before or fleet.new then
      changes[#changes + 1] = STORED_AS[field] or field
      changes[#changes + 1] = text
    end
  end
  if #changes > 0 then
    redis.call('HSET', cold_key(fleet), unpack(changes))
  end
end

-- An instant as snapshots tell it, "epoch:µs of fleet time", '' for any -> its fleet time; or nil and the refusal when
-- it is of another epoch or still to come.
function state.past(fleet, as_of)
  if as_of == '' then
    return math.huge
  end
  local epoch, time = string.match(as_of, '^(%d+):(%d+)$')
  if tonumber(epoch) == fleet.store_epoch and tonumber(time) <= fleet.time then
    return tonumber(time)
  end
  return nil, { 'STALE_REPORT', string.format('%d:%d', fleet.store_epoch, fleet.time) }
end

-- The fleet gets another policy: its fields at 0, its counts of placements as they were when it was left. Those of the
-- policy before stay in the cold hash.
function state.change_policy(fleet, name)
  if fleet.rules then
    for _, token in ipairs(fleet.rules.TOKENS) do
      fleet.cold['assigned_' .. token] = ''
    end
    fleet.unknown[policies.fields(fleet.rules)] = nil
    if fleet.rules.sums then
      history.forget_sums(fleet)
    end
  end
  fleet.policy, fleet.rules = name, policies.BY_NAME[name]
  for _, token in ipairs(fleet.rules.TOKENS) do
    local field = 'assigned_' .. token
    fleet[field] = fleet[field] or vectors.zeros(fleet.classes)
    fleet.cold[field] = nil
    redis.call('HDEL', cold_key(fleet), field)
  end
  policies.clear(fleet)
end

-- All fields as a flat list of names and texts, as they are in memory now.
function state.fields(fleet)
  local flat = { 'layout', vectors.encode(fleet.layout), 'policy', fleet.policy }
  local function add(field)
    flat[#flat + 1] = STORED_AS[field] or field
    flat[#flat + 1] = vectors.encode(fleet[field])
  end
  for _, fields in ipairs({ HOT, (policies.fields(fleet.rules)) }) do
    for _, field in ipairs(fields) do
      add(field)
    end
  end
  local _, in_block = policies.fields(fleet.rules)
  for field in pairs(cold_kinds) do
    if fleet[field] and not in_block[field] then
      add(field)
    end
  end
  return flat
end

-- Calls visit(field, kind, stored name, whether it is in the cold hash) for every field of a fleet with this policy.
function state.each_field(rules, visit)
  for _, field in ipairs(HOT) do
    visit(field, HOT_VECTORS[field] and 'vector' or 'number', STORED_AS[field] or field)
  end
  local fields, in_block = policies.fields(rules)
  for field, kind in pairs(cold_kinds) do
    visit(field, kind, STORED_AS[field] or field, not in_block[field])
  end
  for _, field in ipairs(fields) do
    visit(field, in_block[field] and 'vector' or 'number', STORED_AS[field] or field)
  end
end
