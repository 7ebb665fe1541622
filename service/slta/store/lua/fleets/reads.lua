-- Reads: snapshots, sessions, pages of pools and the configuration. Fleet time advances in memory only.

reads = {}

local SHOWN = { -- fields of the state that a snapshot shows
  'layout', 'config_version', 'utilities_version', 'store_epoch', 'clock', 'resumed_at', 'repairs', 'went_back',
  'sessions', 'utility', 'optimum', 'assigned', 'adopted', 'completed', 'expired', 'failed', 'reported_ended',
  'pool_gone', 'rejected_no_capacity', 'rejected_no_active_pool', 'rejected_low_priority', 'refused_ids',
  'left_out_over_capacity', 'left_out_unknown_pool', 'learning_steps_up', 'learning_steps_down',
}
local BY_CLASS = {
  'draining_pools', 'failed_pools', 'pools_alive', 'pools_lost', 'pools_gone', 'guard',
}
local TOKENS = { 'green', 'yellow', 'none', 'open' }

-- Appends the counts of placements: those of the policy's tokens, and those of earlier policies.
local function add_tokens(fleet, flat)
  local own = fleet.tables_of.policy_table.TOKENS
  for _, token in ipairs(TOKENS) do
    local counts = fleet['assigned_' .. token]
    if vectors.index(own, token) or vectors.sum(counts) > 0 then
      vectors.append(flat, { 'assigned_' .. token, vectors.encode(counts) })
    end
  end
end

-- The fields of a snapshot, a flat list of names and texts.
local function fields(fleet)
  local compiled, elsewhere = fleet.tables_of, {}
  for class = 1, #compiled.names do
    elsewhere[class] = occupancies.held_elsewhere(fleet, class)
  end
  local flat = {
    'policy', compiled.policy, 'names', table.concat(compiled.names, ' '), 'suspect', fleet.suspect,
    'time', vectors.text(fleet.time), 'draining_sessions', vectors.encode(elsewhere),
    'pools_unconfirmed', vectors.encode(compiled.quiet), 'quality', quality.list(fleet),
  }
  for _, name in ipairs(SHOWN) do
    vectors.append(flat, { name, vectors.text(fleet[name]) })
  end
  for _, name in ipairs(BY_CLASS) do
    vectors.append(flat, { name, vectors.encode(fleet[name]) })
  end
  add_tokens(fleet, flat)
  if compiled.policy_table.has_thresholds then
    vectors.append(flat, {
      'green', vectors.encode(fleet.counts.green), 'yellow', vectors.text(fleet.counts.yellow),
      'min_green', vectors.text(compiled.min_green),
    })
  end
  types.describe(fleet, flat)
  claims.describe(fleet, flat)
  return flat
end

-- -> {SNAPSHOT, document, fields, rank, counts per class, integrals now, integrals at the start of each window}.
-- O(levels in use * log pools + pools that leave).
function reads.snapshot(fleet)
  policies.count(fleet)
  policies.integrate_pools(fleet)
  local texts, past = {}, {}
  for class = 1, #fleet.tables_of.names do
    texts[class] = table.concat(occupancies.column(fleet, class), ' ')
  end
  for at, window in ipairs(constants.WINDOWS) do
    past[at] = history.line_before(fleet, window) or ''
  end
  local document = redis.call('HGET', fleet.tables_of.keys.document, 'text')
  local rank = fleet.tables_of.active > 0 and fleet.tables_of.policy_table.rank(fleet) or 0
  return { 'SNAPSHOT', document, fields(fleet), rank, texts, history.integrals(fleet), past }
end

-- session_id -> {SESSION, pool_id, class and type, age, remaining lease in µs or '', level, token or '', marginal
-- utility of the level or '', its exponent, address or '', labels or ''} | {ENDED, reason, pool_id, address or ''}
-- | {UNKNOWN}. O(1).
function reads.session(fleet, given)
  local session = sessions.read(fleet, given.session_id)
  if not session then
    local ended, pool_id = ended_ids.find(fleet, given.session_id)
    return ended and { ended[1], ended[2], pool_id, attributes.address(fleet, pool_id) } or { 'UNKNOWN' }
  end
  local compiled, level = fleet.tables_of, tonumber(session.level)
  local marginal = compiled.marginals[pool_records.place(fleet, session.pool_id).class][level]
  return {
    'SESSION', session.pool_id, sessions.class_and_type(fleet, session),
    string.format('%d', fleet.time - session.start),
    session.due > 0 and string.format('%d', session.due * 1e6 - fleet.time) or '',
    level, sessions.token(session) or '', marginal or '', compiled.exponent,
    attributes.address(fleet, session.pool_id), attributes.labels(fleet, session.pool_id),
  }
end

-- -> {CONFIG, document, version, the fleet file that was applied last}; the document is nil if it was lost.
function reads.config(fleet)
  return { 'CONFIG', redis.call('HGET', fleet.tables_of.keys.document, 'text'), fleet.config_version, fleet.file }
end

local PAGE_WORDS = 8 -- of a pool, as in the reply of `pools.get`
local MAX_READ = 1000 -- pools that one page reads, those that its filters leave out included

-- Whether a pool has the status and the liveness asked for, '' for any.
local function is_wanted(given, pool)
  return pool.status and (given.status == '' or given.status == pool.status)
    and (given.liveness == '' or given.liveness == (pool.lease and pool.lease.liveness or 'alive'))
end

-- Appends PAGE_WORDS of the wanted pools of a class from a place on, of at most `left` pools, until the page has
-- `limit`; returns how many were read, and the place that follows, nil at the end.
local function add_page(fleet, page, class, place, given, left)
  local ids, following = pools.ids_of(fleet, class, place, left)
  for at, pool in ipairs(pool_records.read(fleet, ids)) do
    if #page == 2 + PAGE_WORDS * given.limit then
      return at - 1, pool.place
    elseif is_wanted(given, pool) then
      local found = pools.describe(fleet, pool)
      for word = 2, #found do
        page[#page + 1] = found[word]
      end
    end
  end
  return #ids, following
end

-- A page of pools by number from `first` on, with this status, liveness and pool_class, each '' for any: {PAGE, next
-- number or '', PAGE_WORDS of each pool} | {UNKNOWN_CLASS, name}. O(MAX_READ + pools of the skipped classes).
function reads.pool_page(fleet, given)
  local compiled = fleet.tables_of
  local only = vectors.index(compiled.names, given.pool_class)
  if given.pool_class ~= '' and not only then
    return { 'UNKNOWN_CLASS', given.pool_class }
  end
  local page, left = { 'PAGE', '' }, MAX_READ -- filled here: a page has more words than `unpack` returns
  local class_ids = only and { compiled.ids[only] } or { unpack(compiled.ids) }
  table.sort(class_ids)
  for _, class_id in ipairs(class_ids) do
    local first, class = keys.first_number(class_id), compiled.index_by_id[class_id]
    local read, following = add_page(fleet, page, class, math.max(0, given.first - first), given, left)
    left = left - read
    if following then
      page[2] = first + following
      break
    end
  end
  return page
end
