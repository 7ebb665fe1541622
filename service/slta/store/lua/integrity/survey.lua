-- The survey before a repair, a dry run: which records it would set aside, and which it could put back. It runs in
-- slices, without writes; traffic may continue.
--
-- A slice answers with groups of four texts: `kind`, its id, why it would be set aside, and the id of a pool, ''
-- without one. If that pool is `named`, the record would be kept.
--   pool, session    the record cannot be kept, or there is none
--   key              a fleet cannot have this key
--   named            a pool without a readable record, known by its name and its bit
--   back             was set aside, and could be put back; the id is "session <id>" or "pool <id>"

survey = {}

local PREVIEW = { is_survey = true } -- the functions of `walk`

local function add(slice, kind, id, why, pool_id)
  for _, text in ipairs({ kind, id, why, pool_id or '' }) do
    slice.found[#slice.found + 1] = text
  end
end

function PREVIEW.record(slice, _, kind, id, _, normal, why, pool_id)
  if not normal then
    add(slice, kind, id, why, pool_id)
  end
end

-- The sets of ids of pools without a name are looked into.
function PREVIEW.key(slice, fleet, name, _, kind)
  local pool_number = string.match(name, '^ids:(%d+)$')
  if pool_number then
    return type(redis.pcall('HGET', keys.of_fleet(fleet, 'names'), pool_number)) ~= 'string'
  elseif not stored_keys.is_derived(name) and not stored_keys.normalize(fleet, name) then
    add(slice, 'key', name, 'a stray ' .. kind)
  end
end

function PREVIEW.set(slice, fleet, name)
  slice:spend(orphans.each_live(fleet, string.match(name, '%d+'), function(id)
    add(slice, 'session', id, 'neither it nor its pool has a record')
  end))
  return '0'
end

function PREVIEW.named(slice, _, pool)
  if not pool.pool_number then
    add(slice, 'named', pool.pool_id, '')
  end
end

function PREVIEW.back(slice, _, what)
  add(slice, 'back', what, '')
end

-- policy, the class ids that a repair would assign, part ('' for the first), cursor, work
--   -> {SURVEYED, next part or '', cursor, groups}. O(work).
function survey.slice(key, given)
  local fleet, slice = state.new(key), slices.new(PREVIEW, given.work, { found = {} })
  fleet.policy_table, fleet.numbers = policy_tables.BY_NAME[given.policy], given.class_ids
  cache.index_classes(fleet)
  local run, part, following = walk.find('preview', given.part)
  local next_cursor = run(fleet, slice, given.cursor)
  return { 'SURVEYED', next_cursor and part or following, next_cursor or '', slice.found }
end
