-- The fleet's hash {fleet}:state: read once at the start of a call, worked on in memory, what changed written at
-- its end. Numbers are text with 17 significant digits, so doubles survive; vectors hold one number per class, in
-- the order of the configuration. Classes are positions 1..m here; keys use the class's permanent number.

state = {}

state.TEXT = { policy = true, utilities = true, suspect = true }

state.VECTORS = {
  names = 'text', numbers = true, capacities = true,
  pools = true, draining_pools = true, failed_pools = true, draining_sessions = true,
  pools_high = true, pools_low = true,
  assigned_green = true, assigned_yellow = true, assigned_none = true, assigned_open = true,
  green = true, thresholds = true, frontiers = true, frontier_ranks = true, open = true,
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
    return string.format('%.17g', value)
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

-- A fleet as a table of its fields, `stored` being their text; nil when there is no such fleet. O(classes).
function state.open(key)
  local flat = redis.call('HGETALL', key)
  if #flat == 0 then
    return nil
  end
  local fleet = state.blank(key)
  for at = 1, #flat, 2 do
    fleet.stored[flat[at]] = flat[at + 1]
    fleet[flat[at]] = decode(flat[at], flat[at + 1])
  end
  state.index(fleet)
  return fleet
end

-- A fleet without fields. `prefix` is "{fleet}:", which every key of the fleet begins with.
function state.blank(key)
  return { state_key = key, prefix = string.sub(key, 1, -6), stored = {}, cache = {} }
end

function state.index(fleet)
  fleet.position = {}
  for position, number in ipairs(fleet.numbers) do
    fleet.position[number] = position
  end
end

local TRANSIENT = { state_key = true, prefix = true, stored = true, cache = true, position = true, support_changed = true }

-- Writes the fields that changed, in one HSET.
function state.close(fleet)
  local changes = {}
  for field, value in pairs(fleet) do
    if not TRANSIENT[field] then
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

-- All fields as a flat list of names and texts.
function state.fields(fleet)
  local flat = {}
  for field, value in pairs(fleet) do
    if not TRANSIENT[field] then
      flat[#flat + 1] = field
      flat[#flat + 1] = encode(value)
    end
  end
  return flat
end

-- Keys of class `position`.
function state.class_key(fleet, name, position)
  return fleet.prefix .. name .. ':' .. fleet.numbers[position]
end

-- The row of pools that hold at least `level` sessions; at level 0 all active ones.
function state.level_key(fleet, position, level)
  if level == 0 then
    return state.class_key(fleet, 'active', position)
  end
  return fleet.prefix .. 'level:' .. fleet.numbers[position] .. ':' .. level
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
