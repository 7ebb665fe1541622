-- The survey before a repair, a dry run: which records it would set aside, and which it could put back. It runs in
-- slices, without writes; traffic may continue.
--
-- A slice answers with triples: a word and two facts.
--   pool <id> <record>          the record is unreadable and would be set aside, unless the pool is
--   named <id> <pool number>    known by its name and its bit
--   session <id> <record>       the record is unreadable
--   homeless <id> <pool id>     no class has the number of the session's pool
--   ids <pool number> ''        there is an id set of this pool, to be checked by the part `ids`
--   lost <id> <pool number>     neither the session nor its pool has a record
--   key <name> <type>           a fleet cannot have this key
--   back <what> <record>        was set aside, and could be put back

repair_survey = {}

local function get(fleet, name, field)
  local value = redis.pcall('HGET', keys.of_fleet(fleet, name), field)
  return type(value) == 'string' and value or nil
end

-- Whether the pool has a readable record.
local function has_record(fleet, pool_id)
  return repair_pools.parse(fleet, get(fleet, 'pools', pool_id)) ~= nil
end

-- Calls visit(field, value) for some fields of a hash; returns the next cursor.
local function each_field(fleet, name, slice, cursor, visit)
  local key = keys.of_fleet(fleet, name)
  if redis.call('TYPE', key).ok ~= 'hash' then
    return nil
  end
  return repair_pools.each_field_of(key, slice, cursor, visit)
end

local function check_names(fleet, slice, cursor)
  return each_field(fleet, 'names', slice, cursor, function(pool_number, pool_id)
    if not has_record(fleet, pool_id) and repair_pools.is_used(fleet, tonumber(pool_number)) then
      slice:add('named', pool_id, pool_number)
    end
  end)
end

local function check_pools(fleet, slice, cursor)
  return each_field(fleet, 'pools', slice, cursor, function(pool_id, record)
    if not repair_pools.parse(fleet, record) then
      slice:add('pool', pool_id, record)
    end
  end)
end

local function check_sessions(fleet, slice, cursor)
  return each_field(fleet, 'sessions', slice, cursor, function(id, record)
    local session = records.parse(record)
    if not session then
      slice:add('session', id, record)
    elseif not keys.locate(fleet, session.pool_number) and not has_record(fleet, session.pool_id) then
      slice:add('homeless', id, session.pool_id)
    end
  end)
end

local function check_keys(fleet, slice, cursor)
  local found = redis.call('SCAN', cursor == '' and '0' or cursor, 'MATCH', fleet.prefix .. '*', 'COUNT', slice.budget)
  for _, key in ipairs(found[2]) do
    local name = string.sub(key, #fleet.prefix + 1)
    local pool_number = string.match(name, '^ids:(%d+)$')
    if pool_number then
      slice:add('ids', pool_number, '')
    elseif not repair_keys.is_derived(name) and not audit_keys.type_of(fleet, name) then
      slice:add('key', name, redis.call('TYPE', key).ok)
    end
  end
  return found[1] ~= '0' and found[1] or nil
end

-- cursor: numbers of the pools whose id sets are to be checked.
local function check_ids(fleet, slice, cursor)
  local class_ids = vectors.split(cursor)
  for at, pool_number in ipairs(class_ids) do
    local found, commands = repair_orphans.of_pool(fleet, pool_number)
    for _, id in ipairs(get(fleet, 'names', pool_number) and {} or found) do
      slice:add('lost', id, pool_number)
    end
    if slice:spend(commands) then
      return class_ids[at + 1] and table.concat(class_ids, ' ', at + 1)
    end
  end
end

local function check_aside(fleet, slice, cursor)
  return repair_aside.each(fleet, slice, cursor, function(what, record) slice:add('back', what, record) end)
end

local PARTS -- in order; filled in a function

local function find_part(name)
  PARTS = PARTS or {
    { 'names', check_names }, { 'pools', check_pools }, { 'sessions', check_sessions }, { 'keys', check_keys },
    { 'ids', check_ids }, { 'aside', check_aside },
  }
  for at, part in ipairs(PARTS) do
    if part[1] == name then
      return part[2], part[1], PARTS[at + 1] and PARTS[at + 1][1] or ''
    end
  end
end

-- The fleet with the classes that a repair would assign.
local function fleet_with(key, policy, class_ids)
  local fleet = state.new(key)
  fleet.policy_table, fleet.numbers = policies.BY_NAME[policy], vectors.split(class_ids, true)
  cache.index_classes(fleet)
  return fleet
end

local function new_slice(work)
  local slice = { found = {}, budget = work }
  function slice.spend(_, commands)
    slice.budget = slice.budget - commands
    return slice.budget <= 0
  end
  function slice.add(_, word, first, second)
    for _, text in ipairs({ word, first, second }) do
      slice.found[#slice.found + 1] = text
    end
  end
  return slice
end

-- policy and class ids, part ('names' is the first), cursor, work -> {SURVEYED, next part or '', cursor, triples}.
-- O(work).
function repair_survey.slice(key, policy, class_ids, name, cursor, work)
  local fleet, slice = fleet_with(key, policy, class_ids), new_slice(work)
  local check, part, following = find_part(name)
  local next_cursor = check(fleet, slice, cursor)
  return { 'SURVEYED', next_cursor and part or following, next_cursor or '', slice.found }
end
