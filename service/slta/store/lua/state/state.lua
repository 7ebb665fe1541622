-- The state of a fleet: {fleet}:fleet, a hash of numbers and of a few texts. Its field `now` is a record of the numbers
-- that almost every call changes, "layout incarnation revision clock sessions utility" and the integrals of N, U and U*
-- as units and rest, see `fleet_time.add`. A call writes it and the other fields that it changed, with one HSET.
--
-- A fleet is a table of these numbers, of U*, of the compiled `tables` and of `counts`, which follows from N, the
-- sorted sets, the token bits and the counts by type. It stays in the library's memory from one call to the next, and
-- is used only if the hash has the `now` that the last call here left, else read anew. A call that fails leaves nothing
-- in memory. Assigning another value to a number that has a field of its own also records it in `changed`.

state = {}

local NOW = {
  'layout', 'incarnation', 'revision', 'clock', 'sessions', 'utility',
  'sessions_high', 'sessions_low', 'utility_high', 'utility_low', 'optimum_high', 'optimum_low',
}
local NUMBERS = {
  'lag', 'hold_until', 'resumed_at', 'recovering_until', 'window_end', 'fork',
  'tables', 'shape', 'config_version', 'utilities_version', 'store_epoch', 'marked_incarnation', 'went_back', 'repairs',
  'next_due', 'pool_due', 'ended_generation', 'older_ended', 'ended_since', 'early', 'refused', 'mean_stay',
  'attributes', 'pools_since', 'differences_since',
  'estimate_class', 'estimate_level',
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
local MAX_DIGITS = 16 -- of a number in `now`
local ENTRY = 90 -- levels that take as much memory as the rest of a fleet

state.NUMBERS, state.BY_CLASS, state.TEXTS = NUMBERS, BY_CLASS, TEXTS

local kept, levels = {}, 0 -- by key, fleets as the last calls left them
local doubts = {} -- by key, messages

local function blank(key)
  local numbers, changed = {}, {}
  local fleet = {
    key = key, prefix = string.sub(key, 1, -6), now = '', changed = changed, before = false, levels = 0,
    tables_of = false, counts = false, by_type = false, optimum = 0, bound_rank = 1, bound_filled = 0, time = 0,
    memory_full = false, is_touched = false, due = false,
    runs = {}, -- of rebuilds, by their names
  }
  for _, names in ipairs({ NOW, BY_CLASS }) do
    for _, name in ipairs(names) do
      fleet[name] = 0
    end
  end
  for _, name in ipairs(NUMBERS) do
    numbers[name] = 0
  end
  for _, name in ipairs(TEXTS) do
    numbers[name] = ''
  end
  return setmetatable(fleet, {
    __index = numbers,
    __newindex = function(_, name, value)
      if value ~= (numbers[name] or error('a fleet has no ' .. name)) then
        numbers[name], changed[name] = value, value
      end
    end,
  })
end

-- A new fleet: all numbers are 0.
function state.new(key, now)
  local fleet = blank(key)
  for _, names in ipairs({ NUMBERS, TEXTS }) do
    for _, name in ipairs(names) do
      fleet.changed[name] = fleet[name]
    end
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

-- The record of the numbers that almost every call changes.
function state.text_of_now(fleet)
  local unit = fleet_time.UNIT
  return string.format('%d %d %d %d %d %d %d %d %d %d %d %d', fleet.layout, fleet.incarnation, fleet.revision,
    fleet.clock, fleet.sessions, fleet.utility, fleet.sessions_high / unit, fleet.sessions_low,
    fleet.utility_high / unit, fleet.utility_low, fleet.optimum_high / unit, fleet.optimum_low)
end

-- Such a record as numbers by name; one that is missing or unreadable is that of `default`.
function state.parse_now(text, default)
  local found, words = {}, vectors.split(text or '')
  for at, name in ipairs(NOW) do
    local number = string.match(words[at] or '', '^%-?%d+$')
    local is_readable = number and #number <= MAX_DIGITS
    found[name] = is_readable and number * (string.sub(name, -5) == '_high' and fleet_time.UNIT or 1) or default(name)
  end
  return found
end

-- Reads all fields. An error if one is missing or unreadable.
local function read(key)
  local fleet, stored = blank(key), vectors.by_name(redis.call('HGETALL', key))
  fleet.now = stored.now
  local function missing(name) error(name .. ' of the fleet is missing') end
  for name, number in pairs(state.parse_now(stored.now, missing)) do
    fleet[name] = number
  end
  for _, name in ipairs(NUMBERS) do
    local number = tonumber(stored[name])
    fleet[name] = number and number % 1 == 0 and number or error('field ' .. name .. ' of the fleet is no integer')
  end
  for _, name in ipairs(TEXTS) do
    fleet[name] = stored[name] or error('field ' .. name .. ' of the fleet is missing')
  end
  for name in pairs(fleet.changed) do
    fleet.changed[name] = nil
  end
  local known = kept[key] and kept[key].incarnation == fleet.incarnation and kept[key]
  fleet.tables_of = tables.open(fleet, known and known.tables_of)
  fleet.tables_of.address_of = {}
  state.set_vectors(fleet, stored)
  bound.count(fleet)
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
local function refuse(key, now)
  local layout = string.match(now or '', '^%d+')
  if not layout then
    local exists = redis.call('EXISTS', now and key or string.sub(key, 1, -6) .. 'document') == 1
    return { exists and 'DAMAGED' or 'UNKNOWN_FLEET' }
  elseif layout ~= tostring(constants.LAYOUT) then
    return { 'NEWER_FLEET', tonumber(layout) }
  end
end

local function find(key, fresh)
  local fleet = kept[key]
  local now = redis.call('HGET', key, 'now')
  if fleet and fleet.now == now and not fresh then
    return fleet
  end
  local refusal = refuse(key, now)
  if refusal then
    return nil, refusal
  end
  return read(key)
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
  fleet.now = state.text_of_now(fleet)
  local words, count, changed = { 'now', fleet.now }, 2, fleet.changed
  for name, value in pairs(changed) do -- the server writes a number with all its digits
    words[count + 1], words[count + 2] = name, value
    count, changed[name] = count + 2, nil
  end
  redis.call('HSET', fleet.key, unpack(words))
end

-- The call changes what an answer may acknowledge: sessions, pools or the configuration. It ends with another revision.
function state.touch(fleet)
  fleet.is_touched = true
end

-- Ends a call that may have changed a fleet: writes what did.
function state.close(fleet)
  local changes = types.write(fleet) or next(fleet.changed) ~= nil
  local stands_still = fleet.before and fleet.before[1] == fleet.clock
  if fleet.is_touched or changes and stands_still then -- else `now` is the same, and other versions keep their memory
    fleet.revision, fleet.is_touched = fleet.revision + 1, false
  end
  write(fleet)
  incarnations.end_call(fleet)
  keep(fleet)
end

-- Ends a call that changed nothing but the time.
function state.give_back(fleet)
  if next(fleet.changed) then
    return -- such as `lag`: it is read anew
  end
  fleet_time.undo(fleet)
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
