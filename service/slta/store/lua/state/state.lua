-- A fleet's state in two keys. {fleet}:state is one packed string of the fields that operations read and change;
-- {fleet}:cold is a hash of all other fields, see `cold`.
--
-- The packed string is a sequence of MessagePack values: layout, policy, number of classes, two blocks (the fleet's
-- fields and its policy's, each with its length in front), that of its session types, if it has any (see `type_block`),
-- then anything that a newer version appended. A vector is stored in its block as one number per class. New fields are
-- appended to a block: a version that does not know them keeps them and writes them back.

state = {}

local HOT = {
  'tables', -- must be first: `cache.borrow` reads it
  'next_due', 'ended_generation', 'older_ended', 'clock', 'time', 'hold_until',
  'sessions', 'utility', 'optimum', 'bound_rank', 'bound_filled', 'active_pools', 'room_for', 'last_rank',
  'sessions_high', 'sessions_low', 'utility_high', 'utility_low', 'optimum_high', 'optimum_low',
  'assigned', 'completed', 'expired', 'learning_steps_up', 'learning_steps_down', 'pools',
  'early', 'pool_list', 'revision', 'incarnation', 'attribute_list',
  'differences_since', 'placed_drawn', 'placed_difference', 'placed_squares', 'reported_drawn', 'reported_difference',
  'reported_squares', 'pool_due', 'unconfirmed', 'refused',
}
local HOT_VECTORS = { pools = true }
local LIST = 0xdc -- the first byte of so long a list without a hole
local doubts, settled = {}, {} -- by prefix, in the memory of the server's process

-- A fleet without fields. `prefix` is "{fleet}:", the prefix of all its keys; `written` is the string that this call
-- wrote.
local function blank(key, classes)
  return {
    state_key = key, prefix = string.sub(key, 1, -6), classes = classes,
    cold = {}, unknown = {}, fleet_keys = {}, hashes = false, masks = false, view = false,
    types = false, kinds = 0, written = false, type_texts = {}, leases_second = false,
  }
end

-- A fleet as a table of its fields; nil and a word if it cannot be used: UNKNOWN_FLEET, NEWER_FLEET and the layout if
-- that is another one, NEWER_FLEET for an unknown policy, REPAIRING during a repair unless `repairing`.
function state.read(key, repairing)
  local text = redis.pcall('GET', key)
  if not text then
    return nil, 'UNKNOWN_FLEET'
  elseif type(text) == 'table' then
    error('the state is not a string')
  end
  local unchanged = cache.unchanged(key, text)
  if unchanged then
    return unchanged
  end
  local values = { cmsgpack.unpack(text) }
  assert(type(values[1]) == 'number', 'the layout is no number')
  local policy = policy_tables.BY_NAME[values[2]]
  local under_repair = values[1] == constants.UNDER_REPAIR
  if values[1] ~= constants.LAYOUT and not under_repair then
    return nil, 'NEWER_FLEET', values[1]
  elseif not policy then
    return nil, 'NEWER_FLEET'
  elseif under_repair and not repairing then
    return nil, 'REPAIRING'
  end
  local fleet = cache.borrow(key, values) or blank(key, values[3])
  fleet.layout, fleet.policy, fleet.policy_table = values[1], values[2], policy
  local at = codec.unpack(fleet, values, 4, HOT, HOT_VECTORS)
  at = codec.unpack(fleet, values, at, policy_tables.fields(policy))
  at = type_block.unpack(fleet, values, at)
  if at <= #values then
    fleet.unknown.blocks = { unpack(values, at) }
  end
  if not fleet.names then
    cache.load(fleet)
    cold.guard(fleet)
  end
  return fleet
end

-- A new fleet without classes and policy; all numbers are 0.
function state.new(key)
  local fleet = cold.guard(blank(key, 0))
  doubts[fleet.prefix] = nil
  fleet.layout, fleet.policy = constants.LAYOUT, ''
  for _, field in ipairs(HOT) do
    fleet[field] = HOT_VECTORS[field] and {} or 0
  end
  for field, kind in pairs(cold.kinds()) do
    fleet.cold[field] = false
    fleet[field] = vectors.empty(kind, 0)
  end
  cache.invalidate(fleet)
  return fleet
end

-- Writes the state, and those cold fields that changed.
function state.write(fleet)
  local values, count = codec.pack(fleet, HOT, HOT_VECTORS, policy_tables.fields(fleet.policy_table))
  count = codec.append(values, type_block.pack(fleet, values, count), fleet.unknown.blocks)
  local packed = cmsgpack.pack(values)
  if string.byte(packed) ~= LIST then -- a damaged table left a field without a value
    state.doubt(fleet, 'a field had no value')
    for at = 1, count do
      values[at] = values[at] or 0
    end
    packed = cmsgpack.pack(values)
  end
  fleet.written = string.sub(packed, 4) -- without the head of a list of 16 to 65,535 values
  redis.call('SET', fleet.state_key, fleet.written)
  incarnations.end_call(fleet)
  if next(fleet.cold) then
    cold.write(fleet)
  else
    cache.give_back(fleet)
  end
end

-- Adds to a counter, by default 1; it may be a cold field.
function state.count(fleet, counter, change)
  if rawget(fleet, counter) == nil then
    cold.load(fleet, counter)
  end
  fleet[counter] = fleet[counter] + (change or 1)
end

-- Marks the fleet suspect, so that it is repaired.
function state.mark_suspect(fleet, message)
  cold.load(fleet, 'suspect')
  local why = type(message) == 'table' and message.err or tostring(message)
  if fleet.suspect ~= why then
    redis.log(redis.LOG_WARNING, 'fleet ' .. fleet.prefix .. ' is suspect: ' .. why)
  end
  fleet.suspect = why
end

-- Has the next tick mark the fleet suspect: a call that cannot write has met damage. O(1).
function state.doubt(fleet, message)
  doubts[fleet.prefix] = message
end

-- Marks a fleet suspect for such a message, unless the last repair was for it, and did not help.
function state.settle_doubt(fleet)
  local message, last = doubts[fleet.prefix], settled[fleet.prefix] or {}
  if message and not (last.message == message and last.repairs + 1 == fleet.repairs) then
    settled[fleet.prefix] = { message = message, repairs = fleet.repairs }
    state.mark_suspect(fleet, message)
  end
  doubts[fleet.prefix] = nil
end

-- Parses an instant from a snapshot, "epoch:µs of fleet time" or '' for any, to fleet time; nil and the refusal if it
-- belongs to another epoch or is in the future.
function state.parse_as_of(fleet, as_of)
  if as_of == '' then
    return math.huge
  end
  cold.load(fleet, 'store_epoch')
  local epoch, time = string.match(as_of, '^(%d+):(%d+)$')
  if tonumber(epoch) == fleet.store_epoch and tonumber(time) <= fleet.time then
    return tonumber(time)
  end
  return nil, { 'STALE_REPORT', string.format('%d:%d', fleet.store_epoch, fleet.time) }
end

-- The fields that a snapshot shows, as a flat list of names and texts.
function state.fields(fleet)
  cold.load_all(fleet, cold.INNER)
  local flat = { 'layout', vectors.encode(fleet.layout), 'policy', fleet.policy }
  local function add(field)
    if not cold.INNER[field] and fleet[field] then
      flat[#flat + 1] = field
      flat[#flat + 1] = fleet.cold[field] or vectors.encode(fleet[field])
    end
  end
  state.each_field(fleet.policy_table, function(field, kind)
    local value = rawget(fleet, field)
    local is_former = value == nil and string.find(field, '^assigned_')
    assert(cold.INNER[field] or is_former or vectors.is_valid(kind, value, fleet.classes), field)
    add(field)
  end)
  if fleet.kinds > 0 then
    type_block.each_field(fleet.kinds, fleet.classes, add)
  end
  return flat
end

-- Calls visit(field, kind, whether it is stored in the cold hash) for every field of a fleet with this policy.
function state.each_field(policy, visit)
  for _, field in ipairs(HOT) do
    visit(field, HOT_VECTORS[field] and 'vector' or 'number')
  end
  local fields, in_block = policy_tables.fields(policy)
  for _, field in ipairs(fields) do
    visit(field, in_block[field] and 'vector' or 'number')
  end
  for field, kind in pairs(cold.kinds()) do
    if not in_block[field] then
      visit(field, kind, true)
    end
  end
end
