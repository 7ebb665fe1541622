-- The fleet's hash {fleet}:state as a table of fields. Fields that most calls need are read in one go, the others when
-- first used; those that changed are written in one call at the end. Numbers are text with 17 significant digits, so
-- doubles survive; vectors hold one number per class, in the order of the configuration.

state = {}

local TEXTS = { 'policy', 'utilities', 'suspect' }
local WORDS = { 'class_names' }
local NUMBERS = {
  'layout', 'config_version', 'utilities_version', 'store_epoch',
  'lease', 'retention', 'beta_coefficient', 'beta_power',
  'clock', 'time', 'hold_until', 'pools_since', 'ended_generation', 'ended_since', 'next_due',
  'session_count', 'utility', 'optimum', 'bound_rank', 'bound_filled', 'active_pools', 'room_for', 'last_rank',
}
local VECTORS = {
  'numbers', 'capacities', 'pool_counts', 'draining_pools', 'failed_pools', 'draining_sessions',
  'pools_high', 'pools_low', 'integrals',
}
local HOT = {
  'policy', 'layout', 'next_due', 'class_names', 'numbers', 'lease', 'pool_counts', 'active_pools', 'room_for',
  'clock', 'time', 'hold_until', 'integrals', 'session_count', 'utility', 'optimum', 'bound_rank', 'bound_filled',
  'ended_generation', 'assigned', 'completed', 'last_rank',
}

-- In the hash some fields are called like a key; here each word means one thing.
local STORED_AS = { session_count = 'sessions', pool_counts = 'pools', class_names = 'names', open_counts = 'open' }
local READ_AS = { sessions = 'session_count', pools = 'pool_counts', names = 'class_names', open = 'open_counts' }

local function stored_name(field)
  return STORED_AS[field] or field
end

-- Vectors that follow their classes when the configuration reorders them.
state.PER_CLASS = {
  'pool_counts', 'draining_pools', 'failed_pools', 'draining_sessions', 'pools_high', 'pools_low',
}

local known_fields = {} -- by layout, filled while functions run: the top level of a library has no standard functions

-- The fields of a fleet of layout `layout`, with those of the policies that such a fleet may have.
function state.declared(layout)
  local known = known_fields[layout]
  if known then
    return known
  end
  known = { kinds = {}, count = 0 }
  local function declare(fields, kind)
    for _, field in ipairs(fields) do
      known.count = known.count + (known.kinds[field] and 0 or 1)
      known.kinds[field] = kind
    end
  end
  declare(TEXTS, 'text')
  declare(WORDS, 'words')
  declare(NUMBERS, 'number')
  declare(constants.COUNTERS, 'number')
  declare(VECTORS, 'vector')
  policies.each(layout, function(policy)
    declare(policy.NUMBERS, 'number')
    declare(policy.VECTORS, 'vector')
    for _, token in ipairs(policy.TOKENS) do
      declare({ 'assigned_' .. token }, 'vector')
    end
  end)
  known_fields[layout] = known
  return known
end

local hot_fields, hot_names -- HOT and what policies decide by, as they are called here and in the hash

local function list_hot_fields()
  hot_fields, hot_names = {}, {}
  local listed = {}
  local function list(fields)
    for _, field in ipairs(fields) do
      if not listed[field] then
        listed[field] = true
        hot_fields[#hot_fields + 1] = field
        hot_names[#hot_names + 1] = stored_name(field)
      end
    end
  end
  list(HOT)
  policies.each(constants.LAYOUT, function(policy)
    list(policy.NUMBERS)
    list(policy.VECTORS)
  end)
end

-- The words of a text, as numbers if `numeric`.
function state.split(text, numeric)
  local values = {}
  for word in string.gmatch(text, '%S+') do
    values[#values + 1] = numeric and tonumber(word) or word
  end
  return values
end

local function decode(kind, text)
  if kind == 'number' then
    return tonumber(text)
  elseif kind == 'vector' then
    return state.split(text, true)
  elseif kind == 'words' then
    return state.split(text)
  end
  return text
end

local function encode(value)
  if type(value) == 'number' then
    -- %d is several times faster than %.17g, and the same text for integers that a double holds exactly.
    local whole = value % 1 == 0 and value < 2 ^ 53 and value > -2 ^ 53
    return string.format(whole and '%d' or '%.17g', value)
  elseif type(value) == 'string' then
    return value
  end
  local words = {}
  for position = 1, #value do
    words[position] = encode(value[position])
  end
  return table.concat(words, ' ')
end

function state.zeros(length)
  local vector = {}
  for position = 1, length do
    vector[position] = 0
  end
  return vector
end

function state.sum(vector)
  local total = 0
  for position = 1, #vector do
    total = total + vector[position]
  end
  return total
end

local DECODE_ON_FIRST_USE = {
  __index = function(fleet, field)
    local kind = fleet.kinds[field]
    if not kind then
      return nil
    end
    local text = fleet.stored[field]
    if text == nil then
      text = not fleet.new and redis.call('HGET', fleet.state_key, stored_name(field))
    end
    if not text then
      return nil
    end
    local value = decode(kind, text)
    rawset(fleet, field, value)
    fleet.before[field] = value
    return value
  end,
}

-- A fleet without fields, of this layout. `prefix` is "{fleet}:", which every key of the fleet begins with; a `new` one
-- has nothing stored yet.
local function blank(key, layout, new)
  local fleet = {
    state_key = key, prefix = string.sub(key, 1, -6), new = new, kinds = state.declared(layout).kinds,
    stored = {}, before = {}, bound_entries = {}, marginals = {},
  }
  return setmetatable(fleet, DECODE_ON_FIRST_USE)
end

-- A fleet that does not exist yet, all its fields 0 or empty.
function state.new(key)
  local fleet = blank(key, 1, true)
  fleet.layout = 1
  state.fill(fleet)
  return fleet
end

-- Gives every field of the fleet's layout that has no value yet a zero, and vectors one per class.
function state.fill(fleet)
  for field, kind in pairs(fleet.kinds) do
    if fleet[field] == nil then
      if kind == 'number' then
        fleet[field] = 0
      elseif kind == 'text' then
        fleet[field] = ''
      else
        fleet[field] = state.zeros(fleet.numbers and #fleet.numbers or 0)
      end
    end
  end
end

-- A fleet as a table of its fields; nil and a word when there is none, or when it is not for this library to touch:
-- UNKNOWN_FLEET, or NEWER_FLEET for a layout, a policy or fields that it does not know.
function state.read(key)
  if not hot_fields then
    list_hot_fields()
  end
  local texts = redis.call('HMGET', key, unpack(hot_names))
  local policy, layout = texts[1], tonumber(texts[2] or 1)
  if not policy then
    return nil, 'UNKNOWN_FLEET'
  elseif layout > constants.LAYOUT or not policies.BY_NAME[policy] then
    return nil, 'NEWER_FLEET'
  elseif redis.call('HLEN', key) > state.declared(layout).count then
    return nil, 'NEWER_FLEET'
  end
  local fleet = blank(key, layout, false)
  fleet.layout = layout -- fleets from before layouts had numbers have none stored
  for at, field in ipairs(hot_fields) do
    fleet.stored[field] = texts[at]
  end
  state.index(fleet)
  return fleet
end

-- Raises or lowers the fleet to `layout`: it gets the fields that belong to it, and loses those that no longer do.
function state.change_layout(fleet, layout)
  local gone = {}
  for field in pairs(fleet.kinds) do
    if not state.declared(layout).kinds[field] then
      gone[#gone + 1] = stored_name(field)
      rawset(fleet, field, nil)
    end
  end
  if #gone > 0 then
    redis.call('HDEL', fleet.state_key, unpack(gone))
  end
  fleet.layout, fleet.kinds = layout, state.declared(layout).kinds
  state.fill(fleet)
end

-- Position by class number, and room for the names of keys.
function state.index(fleet)
  fleet.position, fleet.class_keys = {}, {}
  for position, number in ipairs(fleet.numbers) do
    fleet.position[number] = position
  end
end

-- Writes the fields that changed. Numbers and text that are what they were need no encoding; vectors change inside.
function state.write(fleet)
  local changes = {}
  for field, value in pairs(fleet) do
    if fleet.kinds[field] and (type(value) == 'table' or fleet.before[field] ~= value) then
      local text = encode(value)
      if fleet.stored[field] ~= text then
        changes[#changes + 1] = stored_name(field)
        changes[#changes + 1] = text
      end
    end
  end
  if #changes > 0 then
    redis.call('HSET', fleet.state_key, unpack(changes))
  end
end

-- All fields as a flat list of names in the hash and texts, as they are in memory now.
function state.fields(fleet)
  local flat = redis.call('HGETALL', fleet.state_key)
  for at = 1, #flat, 2 do
    flat[at + 1] = encode(fleet[READ_AS[flat[at]] or flat[at]])
  end
  return flat
end
