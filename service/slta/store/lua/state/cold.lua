-- The cold fields of a fleet: {fleet}:cold is a hash of the fields that few operations use, as text. A call loads those
-- that it uses, and writes those that have changed. `fleet.cold` has the stored texts of the loaded ones, false for a
-- missing one, whose value is nil. The fields in `cold.CACHED` are loaded with the state.

cold = {}

local FIELDS = { -- by kind
  number = {
    'config_version', 'utilities_version', 'store_epoch', 'lease', 'retention', 'beta_coefficient', 'beta_power',
    'pools_since', 'ended_since', 'adopted', 'failed', 'reported_ended', 'rejected_no_capacity',
    'rejected_no_active_pool', 'repairs', 'went_back', 'marked_incarnation', 'exponent', 'gone', 'forget', 'reserve',
    'reserve_for_priority', 'pool_gone', 'rejected_low_priority', 'resumed_at', 'recovering_until', 'addresses',
    'labels', 'lag', 'held_until', 'scale_window', 'mean_stay', 'refused_ids',
  },
  vector = {
    'numbers', 'capacities', 'draining_pools', 'failed_pools', 'draining_sessions', 'pools_high', 'pools_low',
    'pools_alive', 'pools_unconfirmed', 'pools_lost', 'pools_gone', 'guard', 'guard_pools', 'guard_heard', 'guard_ttl',
  },
  words = { 'names', 'incarnations' },
  text = { 'utilities', 'suspect', 'quality' },
}
cold.CACHED = { -- kept between calls, see `cache`
  'names', 'numbers', 'capacities', 'exponent', 'lease', 'reserve', 'reserve_for_priority', 'scale_window',
}
cold.TICKED = { -- what a tick reads, in one command
  'suspect', 'repairs', 'ended_since', 'retention', 'utilities_version', 'pools_since', 'pools_high', 'pools_low',
}
cold.INNER = { -- fields that no snapshot shows
  retention = true, ended_since = true, incarnations = true, marked_incarnation = true, gone = true, forget = true,
  recovering_until = true, held_until = true, lag = true, addresses = true, labels = true,
  guard_pools = true, guard_heard = true, guard_ttl = true, pools_since = true, pools_high = true, pools_low = true,
  quality = true, scale_window = true, mean_stay = true, early = true, refused = true, pool_list = true,
  attribute_list = true, older_ended = true, next_due = true, tables = true,
}
local KINDS = {} -- by field; filled on first use, since the top level of a library has no standard functions

-- The kinds by field.
function cold.kinds()
  if not next(KINDS) then
    for kind, fields in pairs(FIELDS) do
      for _, field in ipairs(fields) do
        KINDS[field] = kind
      end
    end
    for _, token in pairs(policy_tables.tokens()) do
      KINDS['assigned_' .. token] = 'vector' -- of the fleet's previous policies
    end
  end
  return KINDS
end

-- Puts the fields of ticks at the head of a new hash: the server seeks a field from there. O(1).
function cold.create(fleet)
  for _, field in ipairs(cold.TICKED) do
    redis.call('HSET', keys.of_fleet(fleet, 'cold'), field, '')
  end
end

-- All fields as stored rather than as in memory: texts by name. O(fields).
function cold.stored(fleet)
  local flat, stored = redis.call('HGETALL', keys.of_fleet(fleet, 'cold')), {}
  for at = 1, #flat, 2 do
    stored[flat[at]] = flat[at + 1]
  end
  return stored
end

-- Whether a field is a cold one that is not in memory.
local function is_missing(fleet, field)
  return KINDS[field] and fleet.cold[field] == nil and rawget(fleet, field) == nil
    and not vectors.index(cold.CACHED, field)
end

-- Sets a field to its stored text, false if it has none.
function cold.set(fleet, field, text)
  fleet.cold[field] = text
  rawset(fleet, field, text and vectors.decode(KINDS[field], text) or nil)
end

-- Loads those of these fields that are cold and not in memory, with one command.
function cold.load(fleet, ...)
  local missing = {}
  for _, field in ipairs({ ... }) do
    missing[#missing + 1] = is_missing(fleet, field) and field or nil
  end
  if missing[1] then
    for at, text in ipairs(redis.call('HMGET', keys.of_fleet(fleet, 'cold'), unpack(missing))) do
      cold.set(fleet, missing[at], text)
    end
  end
end

-- Loads all fields but those of the set `except`.
function cold.load_all(fleet, except)
  local fields = {}
  for field in pairs(KINDS) do
    fields[#fields + 1] = not (except and except[field]) and field or nil
  end
  cold.load(fleet, unpack(fields))
end

-- Writes the fields that changed.
function cold.write(fleet)
  local changes = {}
  for field, before in pairs(fleet.cold) do
    local text = fleet[field] ~= nil and vectors.encode(fleet[field])
    if text ~= before then
      changes[#changes + 1] = field
      changes[#changes + 1] = text
    end
  end
  if changes[1] then
    redis.call('HSET', keys.of_fleet(fleet, 'cold'), unpack(changes))
  end
end

-- Forgets the loaded fields, once they are written.
function cold.unload(fleet)
  for field in pairs(fleet.cold) do
    rawset(fleet, field, nil)
  end
  fleet.cold = {}
end

local function check_loaded(fleet, field)
  if is_missing(fleet, field) then
    error('the cold field ' .. field .. ' was not loaded')
  end
end

local GUARD = {
  __index = check_loaded,
  __newindex = function(fleet, field, value)
    check_loaded(fleet, field)
    rawset(fleet, field, value)
  end,
}

-- Makes the use of a field that was not loaded an error.
function cold.guard(fleet)
  cold.kinds()
  return setmetatable(fleet, GUARD)
end
