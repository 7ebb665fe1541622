-- Reads: snapshots, sessions, pages of pools and the configuration. Fleet time advances in memory only.

reads = {}

-- Appends to a flat list of names and texts the names of the session types, and the sessions refused by reason, if the
-- fleet has types. O(types).
local function add_types(fleet, flat)
  if not fleet.types then
    return
  end
  flat[#flat + 1], flat[#flat + 2] = 'type_names', table.concat(fleet.types.names, ' ')
  local counts = {}
  for _, word in ipairs(session_types.REFUSALS) do
    counts[word] = vectors.zeros(fleet.kinds)
  end
  type_counts.each_refusal(fleet, function(_, word, count, type_index)
    if word then
      counts[word][type_index] = count
    end
  end)
  for word, by_type in pairs(counts) do
    flat[#flat + 1], flat[#flat + 2] = 'type_refused_' .. word, vectors.encode(by_type)
  end
end

-- fields to add, by name
--   -> {SNAPSHOT, document, fields, rank, counts per class, integrals now, integrals at the start of each
--    window}. O(levels in use * pools / 8).
function reads.snapshot(fleet, added)
  accounting.integrate_pools(fleet)
  local columns, texts, past = ledger.columns(fleet), {}, {}
  for class_index, counts in ipairs(columns) do
    texts[class_index] = table.concat(counts, ' ')
  end
  for at, window in ipairs(constants.WINDOWS) do
    past[at] = history.line_before(fleet, window) or ''
  end
  local document, fields = redis.call('GET', keys.of_fleet(fleet, 'document')), state.fields(fleet)
  for name, text in pairs(added) do
    fields[#fields + 1], fields[#fields + 2] = name, text
  end
  add_types(fleet, fields)
  local rank = policies.call(fleet, 'reported_rank') or 0
  assert(rank >= 0 and rank <= fleet.last_rank)
  return { 'SNAPSHOT', document, fields, rank, texts, history.integrals(fleet), past }
end

-- session_id -> {SESSION, pool_id, class and type, age, remaining lease in µs or '', level or '', token or '', marginal
-- utility of the level or '', its exponent, address or '', labels or ''} | {ENDED, reason, pool_id, address or ''}
-- | {UNKNOWN}. O(1).
function reads.session(fleet, given)
  local session = sessions.read(fleet, given.session_id)
  if not session then
    local ended, pool_id = sessions.ended(fleet, given.session_id)
    return ended and { ended[1], ended[2], pool_id, attributes.address(fleet, pool_id) } or { 'UNKNOWN' }
  end
  local level, token = records.placement(session)
  local class_index = keys.locate(fleet, session.pool_number)
  local marginal = level and tables.number(fleet, 'marginals', class_index, level)
  return {
    'SESSION', session.pool_id, sessions.class_and_type(fleet, session),
    string.format('%d', fleet.time - session.start),
    session.due > 0 and string.format('%d', session.due * 1e6 - fleet.time) or '',
    level or '', token or '', marginal or '', fleet.exponent,
    attributes.address(fleet, session.pool_id), attributes.labels(fleet, session.pool_id),
  }
end

-- -> {CONFIG, document, version, the fleet file that was applied last}; the document is nil if it was lost.
function reads.config(fleet)
  cold.load(fleet, 'config_version')
  local document, file = redis.call('GET', keys.of_fleet(fleet, 'document')), fleet_files.applied(fleet)
  return { 'CONFIG', document, assert(fleet.config_version), file }
end

local PAGE_WORDS = 8 -- of a pool, as in the reply of `pools.get`

local MAX_READ = 1000 -- pools that one page reads, those that its filters leave out included

-- Reads no more than the record: of 1,000 pools few may be wanted.
local function is_wanted(fleet, pool_id, given)
  if given.status == '' and given.liveness == '' then
    return true
  end
  local pool = pool_records.find(fleet, pool_id)
  return pool and (given.status == '' or given.status == pool.status)
    and (given.liveness == '' or given.liveness == (pool.lease and pool.lease.liveness or 'alive'))
end

-- Appends PAGE_WORDS of the wanted pools of a class from pool_index `start` on to `page`, until it has `limit` pools or
-- MAX_READ were read, `read` of them before; returns how many were, and the next pool number or '' if there is none.
local function add_page(fleet, page, class_index, start, given, read)
  local following = ''
  rows.each(keys.of_class(fleet, 'used', class_index), start, function(pool_index)
    local pool_number = keys.pool_number(fleet, class_index, pool_index)
    if #page == 2 + PAGE_WORDS * given.limit or read == MAX_READ then
      following = pool_number
      return true
    end
    read = read + 1
    local pool_id = pool_records.name(fleet, pool_number)
    if is_wanted(fleet, pool_id, given) then
      local found = pools.get(fleet, { pool_id = pool_id })
      for at = 2, #found do
        page[#page + 1] = found[at]
      end
    end
  end)
  return read, following
end

-- A page of pools by pool number from `first` on, with this status, liveness and pool_class, each '' for any: {PAGE,
-- next pool number or '', PAGE_WORDS of each pool} | {UNKNOWN_CLASS, name}. O(MAX_READ + pools of the skipped classes).
function reads.pool_page(fleet, given)
  local only = vectors.index(fleet.names, given.pool_class)
  if given.pool_class ~= '' and not only then
    return { 'UNKNOWN_CLASS', given.pool_class }
  end
  local page, read = { 'PAGE', '' }, 0 -- filled here: a page has more words than `unpack` returns
  local class_ids = only and { fleet.numbers[only] } or { unpack(fleet.numbers) }
  table.sort(class_ids)
  for _, class_id in ipairs(class_ids) do
    local start = math.max(0, given.first - class_id * constants.MAX_POOLS)
    read, page[2] = add_page(fleet, page, fleet.index_by_id[class_id], start, given, read)
    if page[2] ~= '' then
      break
    end
  end
  return page
end
