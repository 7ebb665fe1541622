-- The fleet's hash {fleet}:state: fields that most calls need are read in one go, the others when first used; those
-- that changed are written in one call at the end. Numbers are text with 17 significant digits, so doubles survive;
-- vectors hold one number per class, in the order of the configuration. Classes are positions 1..m here; keys use the
-- class's permanent number.

state = {}

state.TEXT = { policy = true, utilities = true, suspect = true }

state.VECTORS = {
  names = 'text', numbers = true, capacities = true,
  pools = true, draining_pools = true, failed_pools = true, draining_sessions = true,
  pools_high = true, pools_low = true, integrals = true,
  assigned_green = true, assigned_yellow = true, assigned_none = true, assigned_open = true,
  green = true, thresholds = true, frontiers = true, frontier_ranks = true, open = true,
}

state.HOT = {
  'policy', 'next_due', 'names', 'numbers', 'lease', 'pools', 'active_pools', 'room_for', 'clock', 'time', 'hold_until',
  'integrals', 'sessions', 'utility', 'optimum', 'bound_rank', 'bound_filled', 'ended_generation', 'assigned',
  'completed', 'rank', 'last_rank', 'estimate_class', 'estimate_level', 'previous_class', 'min_green', 'green',
  'thresholds', 'yellow',
}

-- The words of a text, as numbers if `numeric`.
function state.split(text, numeric)
  local values = {}
  for word in string.gmatch(text, '%S+') do
    values[#values + 1] = numeric and tonumber(word) or word
  end
  return values
end

local function decode(field, text)
  if state.TEXT[field] then
    return text
  elseif state.VECTORS[field] then
    return state.split(text, state.VECTORS[field] ~= 'text')
  end
  return tonumber(text)
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

-- What a fleet has beside its fields.
local TRANSIENT = {
  state_key = true, prefix = true, new = true, stored = true, before = true, cache = true, position = true, keys = true,
  support_changed = true,
}

local DECODE_ON_FIRST_USE = {
  __index = function(fleet, field)
    local text = fleet.stored[field]
    if text == nil then
      text = not fleet.new and redis.call('HGET', fleet.state_key, field)
    end
    local value = text and decode(field, text)
    rawset(fleet, field, value)
    fleet.before[field] = value
    return value
  end,
}

-- A fleet as a table of its fields; nil when there is no such fleet.
function state.open(key)
  local texts = redis.call('HMGET', key, unpack(state.HOT))
  if not texts[1] then
    return nil
  end
  local fleet = state.blank(key, false)
  for at, field in ipairs(state.HOT) do
    fleet.stored[field] = texts[at]
  end
  state.index(fleet)
  return fleet
end

-- A fleet without fields. `prefix` is "{fleet}:", which every key of the fleet begins with; a `new` one has nothing
-- stored yet.
function state.blank(key, new)
  local fleet = { state_key = key, prefix = string.sub(key, 1, -6), new = new, stored = {}, before = {}, cache = {} }
  return setmetatable(fleet, DECODE_ON_FIRST_USE)
end

function state.index(fleet)
  fleet.position, fleet.keys = {}, {}
  for position, number in ipairs(fleet.numbers) do
    fleet.position[number] = position
  end
end

-- Writes the fields that changed. Numbers and text that are what they were need no encoding; vectors change inside.
function state.close(fleet)
  local changes = {}
  for field, value in pairs(fleet) do
    if not TRANSIENT[field] and (type(value) == 'table' or fleet.before[field] ~= value) then
      local text = encode(value)
      if fleet.stored[field] ~= text then
        changes[#changes + 1] = field
        changes[#changes + 1] = text
      end
    end
  end
  if #changes > 0 then
    redis.call('HSET', fleet.state_key, unpack(changes))
  end
end

-- All fields as a flat list of names and texts, as they are in memory now.
function state.fields(fleet)
  local flat = redis.call('HGETALL', fleet.state_key)
  for at = 1, #flat, 2 do
    flat[at + 1] = encode(fleet[flat[at]])
  end
  return flat
end

-- Keys of class `position`.
function state.class_key(fleet, name, position)
  local known = fleet.keys[name]
  if not known then
    known = {}
    fleet.keys[name] = known
  end
  if not known[position] then
    known[position] = fleet.prefix .. name .. ':' .. fleet.numbers[position]
  end
  return known[position]
end

-- The row of pools that hold at least `level` sessions; at level 0 all active ones.
function state.level_key(fleet, position, level)
  if level == 0 then
    return state.class_key(fleet, 'active', position)
  end
  return state.class_key(fleet, 'level', position) .. ':' .. level
end

-- A pool's permanent number: its class's number and its bit.
function state.pool_number(fleet, position, bit)
  return fleet.numbers[position] * 65536 + bit
end

-- Class position and bit of a pool's number.
function state.locate(fleet, number)
  return fleet.position[math.floor(number / 65536)], number % 65536
end

function state.pool_name(fleet, number)
  return redis.call('HGET', fleet.prefix .. 'names', number)
end

function state.sum(vector)
  local total = 0
  for position = 1, #vector do
    total = total + vector[position]
  end
  return total
end
