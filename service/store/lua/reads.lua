-- Read-only views. Time moves on in memory only.

reads = {}

-- n*q(i, j) for j = 0, 1, … down to the last level in use, level 0 being all. O(levels in use * pools / 8).
local function counts(fleet, position)
  local column = { fleet.pools[position] }
  for level = 1, fleet.capacities[position] do
    local count = rows.count(state.level_key(fleet, position, level))
    if count == 0 then
      break
    end
    column[#column + 1] = count
  end
  return column
end

local function bytes(keys)
  local total = 0
  for _, key in ipairs(keys) do
    total = total + redis.call('STRLEN', key)
  end
  return total
end

-- Bytes of the rows that a choice reads, and of those that say what the pools hold. O(levels in use).
local function bytes_of_rows(fleet, columns)
  local choosing, ledger_rows = { fleet.prefix .. 'yellow' }, {}
  for position = 1, #fleet.numbers do
    choosing[#choosing + 1] = state.class_key(fleet, 'green', position)
    choosing[#choosing + 1] = state.class_key(fleet, 'open', position)
    for level = 0, #columns[position] - 1 do
      ledger_rows[#ledger_rows + 1] = state.level_key(fleet, position, level)
    end
  end
  return { bytes(choosing), bytes(ledger_rows) }
end

-- {SNAPSHOT, document, fields, rank, counts per class, integrals now, integrals at the start of each window,
-- {bytes of token or open rows, bytes of the ledger}}.
function reads.snapshot(fleet)
  accounting.settle_pools(fleet)
  local columns, past = {}, {}
  for position = 1, #fleet.numbers do
    columns[position] = counts(fleet, position)
  end
  for at, window in ipairs(history.WINDOWS) do
    past[at] = history.recall(fleet, window) or ''
  end
  local document = redis.call('GET', fleet.prefix .. 'document')
  local sizes = bytes_of_rows(fleet, columns)
  for position = 1, #columns do
    columns[position] = table.concat(columns[position], ' ')
  end
  local rank = ledger.policy(fleet).reported_rank(fleet)
  return { 'SNAPSHOT', document, state.fields(fleet), rank, columns, accounting.integrals(fleet), past, sizes }
end

-- id -> {SESSION, pool_id, class, age, µs of lease left or ''} | {ENDED, reason, pool_id} | {UNKNOWN}. O(1).
function reads.session(fleet, id)
  local session = sessions.read(fleet, id)
  if not session then
    local reason, pool_id = sessions.ended(fleet, id)
    return reason and { 'ENDED', reason, pool_id } or { 'UNKNOWN' }
  end
  return {
    'SESSION',
    session.pool_id,
    fleet.names[(state.locate(fleet, session.number))],
    string.format('%d', fleet.time - session.start),
    session.due > 0 and string.format('%d', session.due * 1e6 - fleet.time) or '',
  }
end

-- {CONFIG, document, version}.
function reads.config(fleet)
  return { 'CONFIG', redis.call('GET', fleet.prefix .. 'document'), fleet.config_version }
end
