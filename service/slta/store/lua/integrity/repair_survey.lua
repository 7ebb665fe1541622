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

-- Calls visit(field, value) for some fields of a hash; returns the next cursor.
local function each_field(fleet, name, slice, cursor, visit)
  local is_hash = redis.call('TYPE', keys.of_fleet(fleet, name)).ok == 'hash'
  return is_hash and slices.each_field(fleet, name, slice, cursor, visit) or nil
end

local function check_names(fleet, slice, cursor)
  return each_field(fleet, 'names', slice, cursor, function(pool_number, pool_id)
    if not stored_pools.read(fleet, pool_id).pool_number and stored_pools.is_used(fleet, tonumber(pool_number)) then
      slice:add('named', pool_id, pool_number)
    end
  end)
end

local function check_pools(fleet, slice, cursor)
  return each_field(fleet, 'pools', slice, cursor, function(pool_id, record)
    if not stored_pools.salvage(fleet, pool_id, record).pool_number then
      slice:add('pool', pool_id, record)
    end
  end)
end

local function check_sessions(fleet, slice, cursor)
  return each_field(fleet, 'sessions', slice, cursor, function(id, record)
    local session = records.parse(record)
    if not session then
      slice:add('session', id, record)
    elseif not keys.locate(fleet, session.pool_number)
      and not stored_pools.read(fleet, session.pool_id).pool_number then
      slice:add('homeless', id, session.pool_id)
    end
  end)
end

local function check_keys(fleet, slice, cursor)
  return slices.each_key(fleet, slice, cursor, function(key, name)
    local pool_number = string.match(name, '^ids:(%d+)$')
    if pool_number then
      slice:add('ids', pool_number, '')
    elseif not repair_keys.is_derived(name) and not audit_keys.type_of(fleet, name) then
      slice:add('key', name, redis.call('TYPE', key).ok)
    end
  end)
end

-- cursor: numbers of the pools whose id sets are to be checked.
local function check_ids(fleet, slice, cursor)
  local class_ids = vectors.split(cursor)
  for at, pool_number in ipairs(class_ids) do
    local found, commands = repair_orphans.of_pool(fleet, pool_number)
    local name = redis.pcall('HGET', keys.of_fleet(fleet, 'names'), pool_number)
    for _, id in ipairs(type(name) == 'string' and {} or found) do
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

local PARTS = {
  { 'names', check_names }, { 'pools', check_pools }, { 'sessions', check_sessions }, { 'keys', check_keys },
  { 'ids', check_ids }, { 'aside', check_aside },
}

local function add(slice, word, first, second)
  for _, text in ipairs({ word, first, second }) do
    slice.found[#slice.found + 1] = text
  end
end

-- policy, the class ids that a repair would assign, part ('names' is the first), cursor, work
--   -> {SURVEYED, next part or '', cursor, triples}. O(work).
function repair_survey.slice(key, given)
  local fleet, slice = state.new(key), slices.new({ found = {}, add = add }, given.work)
  fleet.policy_table, fleet.numbers = policy_tables.BY_NAME[given.policy], given.class_ids
  cache.index_classes(fleet)
  local check, part, following = slices.find_part(PARTS, given.part)
  local next_cursor = check(fleet, slice, given.cursor)
  return { 'SURVEYED', next_cursor and part or following, next_cursor or '', slice.found }
end
