-- The state of a fleet: {fleet}:fleet, a hash of numbers and of a few texts. A call writes the fields that it changed,
-- with one HSET.
--
-- A fleet is a table of these fields, of the compiled `tables` and of `counts`, which follows from N, the sorted sets,
-- the token bits and the counts by type. It stays in the library's memory from one call to the next, and is used only
-- if the hash has the incarnation, revision and clock that the last call here left, else read anew. A call that fails
-- leaves nothing in memory.

state = {}

local NUMBERS = {
  'incarnation', 'revision', 'layout', 'clock', 'lag', 'hold_until', 'resumed_at', 'recovering_until',
  'window_end', 'fork',
  'tables', 'shape', 'config_version', 'utilities_version', 'store_epoch', 'marked_incarnation', 'went_back', 'repairs',
  'next_due', 'pool_due', 'ended_generation', 'older_ended', 'ended_since', 'early', 'refused', 'mean_stay',
  'attributes', 'pools_since', 'differences_since',
  'sessions', 'utility', 'optimum', 'estimate_class', 'estimate_level',
  'sessions_high', 'sessions_low', 'utility_high', 'utility_low', 'optimum_high', 'optimum_low',
  'assigned', 'adopted', 'completed', 'expired', 'failed', 'reported_ended', 'pool_gone', 'rejected_no_capacity',
  'rejected_no_active_pool', 'rejected_low_priority', 'refused_ids', 'learning_steps_up', 'learning_steps_down',
  'placed_drawn', 'placed_difference', 'placed_squares', 'reported_drawn', 'reported_difference', 'reported_squares',
  'left_out_over_capacity', 'left_out_unknown_pool',
}
local BY_CLASS = { -- fields "<name>:<class id>"; one that is missing is 0
  'over', 'draining_pools', 'failed_pools', 'pools_alive', 'pools_lost', 'pools_gone',
  'guard', 'guard_pools', 'guard_heard', 'guard_ttl', 'pools_high', 'pools_low',
  'assigned_green', 'assigned_yellow', 'assigned_none', 'assigned_open',
}
local TEXTS = { 'suspect', 'incarnations', 'file' }
local MAX_LEVELS = 524288 -- of all fleets in memory, at most about 80 MB; beyond, all are forgotten
local ENTRY = 90 -- levels that take as much memory as the rest of a fleet

state.NUMBERS, state.BY_CLASS, state.TEXTS = NUMBERS, BY_CLASS, TEXTS

local kept, levels = {}, 0 -- by key, fleets as the last calls left them
local doubts = {} -- by key, messages

local function blank(key)
  return {
    key = key, prefix = string.sub(key, 1, -6), before = {}, changed = {}, tables_of = false, counts = false,
    by_type = false, time = 0, memory_full = false, is_touched = false,
    runs = {}, -- of rebuilds, by their names
  }
end

-- A new fleet: all numbers are 0.
function state.new(key, now)
  local fleet = blank(key)
  for _, name in ipairs(NUMBERS) do
    fleet[name] = 0
  end
  for _, name in ipairs(TEXTS) do
    fleet[name] = ''
  end
  fleet.layout, fleet.clock, fleet.lag, fleet.pools_since, fleet.next_due = constants.LAYOUT, now, now, 0, 1
  doubts[key] = nil
  return fleet
end

-- Gives a fleet its vectors, from the fields by name.
function state.set_vectors(fleet, stored)
  for _, name in ipairs(BY_CLASS) do
    local vector = {}
    for class, id in ipairs(fleet.tables_of.ids) do
      vector[class] = tonumber(stored[name .. ':' .. id] or 0)
    end
    fleet[name] = vector
  end
end

-- All fields as they are stored, by name.
function state.stored(fleet)
  return vectors.by_name(redis.call('HGETALL', fleet.prefix .. 'fleet'))
end

-- Reads all fields. An error if one is missing or unreadable.
local function read(key)
  local fleet = blank(key)
  local stored = state.stored(fleet)
  for _, name in ipairs(NUMBERS) do
    fleet[name] = tonumber(stored[name]) or error('field ' .. name .. ' of the fleet is missing or no number')
    fleet.before[name] = fleet[name]
  end
  for _, name in ipairs(TEXTS) do
    fleet[name] = stored[name] or error('field ' .. name .. ' of the fleet is missing')
    fleet.before[name] = fleet[name]
  end
  fleet.tables_of = tables.open(fleet, kept[key] and kept[key].tables_of)
  fleet.tables_of.address_of = {}
  state.set_vectors(fleet, stored)
  return fleet
end

-- Forgets a fleet.
function state.forget(key)
  levels = levels - (kept[key] and kept[key].levels or 0)
  kept[key] = nil
end

local function keep(fleet)
  state.forget(fleet.key)
  fleet.levels = #fleet.tables_of.order_class + ENTRY
  levels = levels + fleet.levels
  if levels > MAX_LEVELS then
    kept, levels = {}, fleet.levels
  end
  kept[fleet.key] = fleet
end

-- The refusal of a fleet that this version cannot use; nil for another one.
local function refuse(key, stored)
  if not stored[1] then
    return { redis.call('EXISTS', string.sub(key, 1, -6) .. 'document') == 1 and 'DAMAGED' or 'UNKNOWN_FLEET' }
  elseif stored[1] ~= tostring(constants.LAYOUT) then
    return { 'NEWER_FLEET', tonumber(stored[1]) }
  end
end

local function find(key, fresh)
  local stored = redis.call('HMGET', string.sub(key, 1, -6) .. 'fleet', 'layout', 'incarnation', 'revision', 'clock')
  local refusal = refuse(key, stored)
  if refusal then
    return nil, refusal
  end
  local fleet = kept[key]
  local is_known = not fresh and fleet and fleet.incarnation == tonumber(stored[2])
    and fleet.revision == tonumber(stored[3]) and fleet.clock == tonumber(stored[4])
  return is_known and fleet or read(key)
end

-- The refusal for an error: an unknown policy, or damage.
local function refusal_of(message)
  return { type(message) == 'table' and message.refusal or 'DAMAGED' }
end

-- Reads a fleet anew into memory, if it can be read.
function state.reload(key)
  state.forget(key)
  local is_read, fleet = pcall(find, key)
  if is_read and fleet then
    keep(fleet)
  end
end

-- The fleet at the clock `now` for a change, which ends with `close`; nil and the refusal if it cannot be used.
function state.open(key, now)
  local is_read, fleet, refusal = pcall(find, key)
  if not is_read then
    return nil, refusal_of(fleet)
  elseif fleet then
    state.forget(key)
    fleet_time.advance(fleet, now)
  end
  return fleet, refusal
end

-- The same for a read; `fresh` for one that changes more than the time in its copy.
function state.look(key, now, fresh)
  local is_read, fleet, refusal = pcall(find, key, fresh)
  if not is_read then
    return nil, refusal_of(fleet)
  elseif fleet then
    fleet = setmetatable({ changed = {} }, { __index = fleet }) -- with the counts of the last call
    fleet_time.advance(fleet, now)
  end
  return fleet, refusal
end

-- Adds to a number of a class.
function state.add(fleet, name, class, change)
  local vector = fleet[name]
  vector[class] = vector[class] + change
  fleet.changed[tables.field(fleet, name, class)] = vector[class]
end

-- Sets a number of a class.
function state.set(fleet, name, class, value)
  fleet[name][class] = value
  fleet.changed[tables.field(fleet, name, class)] = value
end

-- Writes the fields that changed.
local function write(fleet)
  local words, before, count = {}, fleet.before, 0 -- the server writes a number with all its digits
  for at = 1, #NUMBERS do
    local name = NUMBERS[at]
    local value = fleet[name]
    if value ~= before[name] then
      words[count + 1], words[count + 2] = name, value
      before[name], count = value, count + 2
    end
  end
  for name, value in pairs(fleet.changed) do
    words[count + 1], words[count + 2] = name, value
    count = count + 2
  end
  for at = 1, #TEXTS do
    local name = TEXTS[at]
    if fleet[name] ~= before[name] then
      words[count + 1], words[count + 2] = name, fleet[name]
      before[name], count = fleet[name], count + 2
    end
  end
  fleet.changed = {}
  commands.send('HSET', fleet.prefix .. 'fleet', words)
end

-- The call changes what an answer may acknowledge: sessions, pools or the configuration. It ends with another revision.
function state.touch(fleet)
  fleet.is_touched = true
end

-- Ends a call that may have changed a fleet: writes what did.
function state.close(fleet)
  types.write(fleet)
  if fleet.is_touched then
    fleet.revision, fleet.is_touched = fleet.revision + 1, false
  end
  write(fleet)
  incarnations.end_call(fleet)
  keep(fleet)
end

-- Ends a call that changed nothing but the time.
function state.give_back(fleet)
  for _, names in ipairs({ NUMBERS, TEXTS }) do
    for _, name in ipairs(names) do
      fleet[name] = fleet.before[name]
    end
  end
  keep(fleet)
end

-- Marks the fleet suspect, so that it is rebuilt.
function state.mark_suspect(fleet, message)
  local why = type(message) == 'table' and message.err or tostring(message)
  if fleet.suspect ~= why then
    redis.log(redis.LOG_WARNING, 'fleet ' .. fleet.prefix .. ' is suspect: ' .. why)
  end
  fleet.suspect, fleet.counts = why, false
end

-- Has the next tick mark the fleet suspect: a call that cannot write has met damage.
function state.doubt(fleet, message)
  doubts[fleet.key] = type(message) == 'table' and message.err or tostring(message)
end

-- Marks a fleet suspect for such a message.
function state.settle_doubt(fleet)
  if doubts[fleet.key] then
    state.mark_suspect(fleet, doubts[fleet.key])
    doubts[fleet.key] = nil
  end
end

-- Parses an instant from a snapshot, "epoch:µs of fleet time" or '' for any, to fleet time; nil and the refusal if it
-- belongs to another epoch or is in the future.
function state.parse_as_of(fleet, as_of)
  if as_of == '' then
    return math.huge
  end
  local epoch, time = string.match(as_of, '^(%d+):(%d+)$')
  if tonumber(epoch) == fleet.store_epoch and tonumber(time) <= fleet.time then
    return tonumber(time)
  end
  return nil, { 'STALE_REPORT', string.format('%d:%d', fleet.store_epoch, fleet.time) }
end
