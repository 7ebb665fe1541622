-- The audit of a fleet's invariants. One call checks one slice, and writes nothing. It checks only what holds at any
-- moment, so that traffic between two slices causes no false findings. tests/audit.py is an independent implementation.
--
-- In the parts (see `walk`), `report` is the slice; it collects findings, and `unchecked`, what could not be checked.

audit = {}

local MAX_FOUND = 20 -- findings listed per slice

local REPORT = {} -- the functions of `walk`, and those with which the parts of audits report

local function text_of(value)
  local kind = type(value)
  local text = (kind == 'table' or kind == 'number') and vectors.encode(value) or tostring(value)
  return (string.gsub(string.sub(text, 1, 200), '[^%w%p ]', '?'))
end

function REPORT.add(report, sentence)
  report.total = report.total + 1
  if report.total <= MAX_FOUND then
    report.found[#report.found + 1] = text_of(sentence)
  end
end

-- Adds a finding unless actual and expected are equal; vectors are compared as texts.
function REPORT.expect_equal(report, what, actual, expected)
  if type(actual) == 'table' then
    actual, expected = vectors.encode(actual), vectors.encode(expected)
  end
  if actual ~= expected then
    report:add(what .. ': ' .. text_of(actual) .. ', expected ' .. text_of(expected))
  end
end

function REPORT.expect_fields(report, fleet, expected, fields)
  for _, field in ipairs(fields) do
    report:expect_equal(field, fleet[field], expected[field])
  end
end

function REPORT.record(report, _, kind, id, text, normal, why)
  if why then
    report:add(kind .. ' ' .. id .. ': ' .. why)
  else
    report:expect_equal(kind .. ' ' .. id, text, normal)
  end
end

function REPORT.place(report, fleet, pool)
  local name, bit = records.pool_name(fleet, pool.pool_number), stored_pools.bit(fleet, 'used', pool.pool_number)
  report:expect_equal('name of pool number ' .. pool.pool_number, name, pool.pool_id)
  report:expect_equal('bit of pool ' .. pool.pool_id, bit, 1)
  return true
end

function REPORT.timer(report, fleet, member, due, latest, is_optional, earliest)
  local stored = redis.call('ZSCORE', keys.of_fleet(fleet, 'timers'), member)
  if not is_optional then
    report:expect_equal('timer ' .. member .. ': it exists', stored ~= false, due ~= false)
  end
  local at = tonumber(stored or latest)
  report:expect_equal('timer ' .. member .. ': it is when it can be', at >= (earliest or 0) and at <= latest, true)
end

function REPORT.bits(report, key, block, bits)
  if bit_blocks.stored(key, block) ~= bits then
    report:add(string.format('%s: wrong bits of pools from %d on', key, block * bit_blocks.POOLS))
  end
end

-- The audit counts sessions in `totals` and `audit_types`.
function REPORT.count(report, _, pool)
  local counted = (liveness.counted_as(pool) or '') .. (pool.class_index or '')
  report.counts[counted] = (report.counts[counted] or 0) + 1
end

-- Those that are counted by liveness, if one call has seen all pools, else whether there are as many.
function REPORT.counted(report, fleet, is_complete)
  liveness.load(fleet)
  for _, word in ipairs({ 'alive', 'unconfirmed', 'lost', 'gone' }) do
    for class_index, stored in ipairs(fleet['pools_' .. word]) do
      local count = report.counts[word .. class_index] or 0
      local expected = is_complete and count or math.max(count, stored)
      report:expect_equal('pools_' .. word .. ' of class ' .. fleet.names[class_index], stored, expected)
    end
  end
end

function REPORT.orphans(report, fleet, pool_number)
  return orphans.each(fleet, pool_number, function(id)
    report:add(string.format('session %s: is in the id set of pool number %d without a record there', id, pool_number))
  end)
end

function REPORT.make_pool(report, _, id, session)
  report:add('session ' .. id .. ': its pool has no record')
  return session.pool_number
end

function REPORT.member(report, key, id)
  if redis.call('SISMEMBER', key, id) == 0 then
    report:add('session ' .. id .. ': is not in ' .. key)
  end
end

function REPORT.over(report, _, id, name)
  report:add('session ' .. id .. ': is live and in ' .. name)
end

function REPORT.at_most(report, fleet, field, latest)
  local value = rawget(fleet, field)
  if value and value > latest then
    report:add(string.format('%s: %.0f, expected at most %.0f', field, value, latest))
  end
end

REPORT.wrong = REPORT.add -- without the function that mends

function REPORT.number(report, fleet, field, value)
  report:expect_equal(field, fleet[field], value)
end

function REPORT.text(report, key, value)
  if (redis.call('GET', key) or '') ~= value then
    report:add(key .. ': does not match the full tables')
  end
end

-- Lease sets are looked into.
function REPORT.key(report, fleet, name, key, kind)
  local wanted = stored_keys.normalize(fleet, name)
  if kind == 'none' then
    return false
  elseif not wanted then
    report:add(key .. ': is a stray key')
  else
    report:expect_equal(key .. ': its type', kind, wanted)
  end
  if redis.call('PTTL', key) ~= -1 then
    report:add(key .. ': has a time to live')
  end
  return wanted == kind and string.find(name, '^leases:')
end

function REPORT.set(report, fleet, name, position)
  return session_records.check_leases(fleet, report, name, position)
end

-- The message of a failed pcall without the line number.
function audit.error_text(message)
  local text = type(message) == 'table' and message.err or message
  return text_of((string.gsub(text, '^@?user_function:%d+: ', '')))
end

-- Opens a fleet without trusting its state; nil and the reply if there is none to audit.
local function open(key, report)
  local is_read, fleet, refusal = pcall(state.read, key)
  local prefix = string.sub(key, 1, -6)
  if not is_read then
    report:add('state: cannot be read: ' .. audit.error_text(fleet))
    return nil
  elseif refusal == 'UNKNOWN_FLEET'
    and redis.call('EXISTS', prefix .. 'cold', prefix .. 'document', prefix .. 'pools', prefix .. 'sessions') > 0 then
    report:add('state: is missing')
    return nil
  end
  return fleet, refusal and { refusal }
end

-- part ('' for the first), cursor, work -> {AUDITED, next part or '', cursor, findings, their number, what of this part
-- could not be checked or ''} | {UNKNOWN_FLEET} | {NEWER_FLEET}. O(work).
function audit.slice(key, given)
  local report = slices.new(REPORT, given.work, { found = {}, total = 0, counts = {}, ahead = fleet_time.MAX_STEP })
  local fleet, refusal = open(key, report)
  if refusal then
    return refusal
  elseif not fleet then
    return { 'AUDITED', '', '', report.found, report.total, '' }
  end
  local check, part, following = walk.find('report', given.part)
  local ok, next_cursor = pcall(function()
    report.lag, report.hold_until = fleet.clock - fleet.time, fleet.hold_until -- before the time of now is taken over
    accounting.advance(fleet, given.clock)
    return check(fleet, report, given.cursor)
  end)
  if not ok then
    report:add(part .. ': audit failed: ' .. audit.error_text(next_cursor))
    next_cursor = nil
  end
  local next_part = next_cursor and part or following
  return { 'AUDITED', next_part, next_cursor or '', report.found, report.total, report.unchecked or '' }
end

-- cursor -> {CENSUS, next cursor, names of fleets}: every fleet with a state, document, pools or sessions, whether
-- listed or not. O(1000 keys).
function audit.census(_, given)
  local found = redis.call('SCAN', given.cursor, 'MATCH', '{*}:*', 'COUNT', 1000)
  local names = {}
  for _, key in ipairs(found[2]) do
    local name, rest = string.match(key, '^{([%w._:-]+)}:(%a+)$')
    if rest == 'state' or rest == 'document' or rest == 'pools' or rest == 'sessions' then
      names[#names + 1] = name
    end
  end
  return { 'CENSUS', found[1], names }
end
