-- The dry run of a repair: which records it would set aside, and which it could put back. Slice by slice, without a
-- write; traffic may go on.
--
-- A slice answers with triples: a word, and two facts.
--   pool <id> <record>          nobody can read the record, so it would be set aside, unless the pool is
--   named <id> <number>         told by its name and its bit
--   session <id> <record>       nobody can read the record
--   homeless <id> <pool id>     no class has the number of the session's pool
--   ids <number> ''             there is a set of ids of this pool, to be looked at by the part `ids`
--   lost <id> <number>          neither the session nor its pool has a record
--   key <name> <type>           the key is none that a fleet can have
--   back <what> <record>        is aside, and could be put back

repair_survey = {}

local function get(fleet, name, field)
  local value = redis.pcall('HGET', keys.of_fleet(fleet, name), field)
  return type(value) == 'string' and value or nil
end

-- Whether the pool has a record that can be read.
local function has_record(fleet, pool_id)
  return repair_pools.parse(fleet, get(fleet, 'pools', pool_id)) ~= nil
end

-- Calls visit(field, value) for some fields of a hash; where to go on.
local function each_field(fleet, name, slice, cursor, visit)
  local key = keys.of_fleet(fleet, name)
  if redis.call('TYPE', key).ok ~= 'hash' then
    return nil
  end
  return repair_pools.each_field_of(key, slice, cursor, visit)
end

local function check_names(fleet, slice, cursor)
  return each_field(fleet, 'names', slice, cursor, function(number, pool_id)
    if not has_record(fleet, pool_id) and repair_pools.is_used(fleet, tonumber(number)) then
      slice:tell('named', pool_id, number)
    end
  end)
end

local function check_pools(fleet, slice, cursor)
  return each_field(fleet, 'pools', slice, cursor, function(pool_id, record)
    if not repair_pools.parse(fleet, record) then
      slice:tell('pool', pool_id, record)
    end
  end)
end

local function check_sessions(fleet, slice, cursor)
  return each_field(fleet, 'sessions', slice, cursor, function(id, record)
    local session = records.parse(record)
    if not session then
      slice:tell('session', id, record)
    elseif not keys.locate(fleet, session.number) and not has_record(fleet, session.pool_id) then
      slice:tell('homeless', id, session.pool_id)
    end
  end)
end

local function check_keys(fleet, slice, cursor)
  local found = redis.call('SCAN', cursor == '' and '0' or cursor, 'MATCH', fleet.prefix .. '*', 'COUNT', slice.left)
  for _, key in ipairs(found[2]) do
    local name = string.sub(key, #fleet.prefix + 1)
    local number = string.match(name, '^ids:(%d+)$')
    if number then
      slice:tell('ids', number, '')
    elseif not repair_keys.is_derived(name) and not audit_keys.type_of(fleet, name) then
      slice:tell('key', name, redis.call('TYPE', key).ok)
    end
  end
  return found[1] ~= '0' and found[1] or nil
end

-- cursor: numbers of pools whose sets of ids are to be looked at.
local function check_ids(fleet, slice, cursor)
  local numbers = vectors.split(cursor)
  for at, number in ipairs(numbers) do
    local found, commands = repair_orphans.of_pool(fleet, number)
    for _, id in ipairs(get(fleet, 'names', number) and {} or found) do
      slice:tell('lost', id, number)
    end
    if slice:worked(commands) then
      return numbers[at + 1] and table.concat(numbers, ' ', at + 1)
    end
  end
end

local function check_aside(fleet, slice, cursor)
  return repair_aside.each(fleet, slice, cursor, function(what, record) slice:tell('back', what, record) end)
end

local PARTS -- in order; filled while a function runs

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

-- The fleet with the classes that a repair would find.
local function fleet_with(key, policy, numbers)
  local fleet = state.new(key)
  fleet.rules, fleet.numbers = policies.BY_NAME[policy], vectors.split(numbers, true)
  memory.number_classes(fleet)
  return fleet
end

local function new_slice(work)
  local slice = { told = {}, left = work }
  function slice.worked(_, commands)
    slice.left = slice.left - commands
    return slice.left <= 0
  end
  function slice.tell(_, word, first, second)
    for _, text in ipairs({ word, first, second }) do
      slice.told[#slice.told + 1] = text
    end
  end
  return slice
end

-- policy and numbers of the classes, part ('names' is the first), cursor, work -> {SURVEYED, next part or '', cursor,
-- triples}. O(work).
function repair_survey.slice(key, policy, numbers, name, cursor, work)
  local fleet, slice = fleet_with(key, policy, numbers), new_slice(work)
  local check, part, following = find_part(name)
  local next_cursor = check(fleet, slice, cursor)
  return { 'SURVEYED', next_cursor and part or following, next_cursor or '', slice.told }
end
