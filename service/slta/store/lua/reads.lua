-- Reads: snapshots, sessions and the configuration. Fleet time advances in memory only.

reads = {}

local function bytes(row_keys)
  local total = 0
  for _, key in ipairs(row_keys) do
    total = total + redis.call('STRLEN', key)
  end
  return total
end

-- The rows that hold the occupancies.
local function ledger_rows(fleet, columns)
  local found = {}
  for class_index = 1, #fleet.numbers do
    for level = 0, #columns[class_index] - 1 do
      found[#found + 1] = keys.of_level(fleet, class_index, level)
    end
  end
  return found
end

-- -> {SNAPSHOT, document, fields, rank, counts per class, integrals now, integrals at the start of each window, {bytes
-- of the rows that a placement reads, bytes of the ledger}}. O(levels in use * pools / 8).
function reads.snapshot(fleet)
  accounting.integrate_pools(fleet)
  local columns, texts, past = ledger.columns(fleet), {}, {}
  for class_index, counts in ipairs(columns) do
    texts[class_index] = table.concat(counts, ' ')
  end
  for at, window in ipairs(constants.WINDOWS) do
    past[at] = history.line_before(fleet, window) or ''
  end
  local document, fields = redis.call('GET', keys.of_fleet(fleet, 'document')), state.fields(fleet)
  if fleet.suspect ~= '' then
    fields[#fields + 1], fields[#fields + 2] = 'repair_blocked', repair.blocked(fleet)
  end
  fields[#fields + 1], fields[#fields + 2] = 'audit_result', audit_claims.result(fleet)
  local sizes = { bytes(policies.row_keys(fleet)), bytes(ledger_rows(fleet, columns)) }
  local rank = policies.call(fleet, 'reported_rank') or 0
  assert(rank >= 0 and rank <= fleet.last_rank)
  return { 'SNAPSHOT', document, fields, rank, texts, accounting.integrals(fleet), past, sizes }
end

-- id -> {SESSION, pool_id, class, age, remaining lease in µs or '', level or '', token or '', address or '', labels or
-- ''} | {ENDED, reason, pool_id, address or ''} | {UNKNOWN}. O(1).
function reads.session(fleet, id)
  local session = sessions.read(fleet, id)
  if not session then
    local ended, pool_id = sessions.ended(fleet, id)
    return ended and { ended[1], ended[2], pool_id, attributes.address(fleet, pool_id) } or { 'UNKNOWN' }
  end
  local level, token = records.placement(session)
  return {
    'SESSION', session.pool_id, fleet.names[(keys.locate(fleet, session.pool_number))],
    string.format('%d', fleet.time - session.start),
    session.due > 0 and string.format('%d', session.due * 1e6 - fleet.time) or '',
    level or '', token or '',
    attributes.address(fleet, session.pool_id), attributes.labels(fleet, session.pool_id),
  }
end

-- -> {CONFIG, document, version}; the document is nil if it was lost.
function reads.config(fleet)
  cold.load(fleet, 'config_version')
  return { 'CONFIG', redis.call('GET', keys.of_fleet(fleet, 'document')), assert(fleet.config_version) }
end
