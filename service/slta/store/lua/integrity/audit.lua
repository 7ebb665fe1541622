-- The audit of a fleet's invariants. One call checks one slice, and writes nothing. It checks only what holds at any
-- moment, so that traffic between two slices causes no false findings. tests/audit.py is an independent implementation.
--
-- A slice belongs to a part of the audit and starts at a cursor, '' at first. A part is a function
--   part(fleet, report, cursor) -> the next cursor, nil at the end of the part
-- where `report` collects findings and counts the work.

audit = {}

local MAX_FOUND = 20 -- findings listed per slice

local function text_of(value)
  local kind = type(value)
  local text = (kind == 'table' or kind == 'number') and vectors.encode(value) or tostring(value)
  return (string.gsub(string.sub(text, 1, 200), '[^%w%p ]', '?'))
end

local Report = {}

-- Adds a finding unless actual and expected are equal; vectors are compared as texts.
function Report.expect_equal(report, what, actual, expected)
  if type(actual) == 'table' then
    actual, expected = vectors.encode(actual), vectors.encode(expected)
  end
  if actual ~= expected then
    report:add(what .. ': ' .. text_of(actual) .. ', expected ' .. text_of(expected))
  end
end

function Report.add(report, sentence)
  report.count = report.count + 1
  if report.count <= MAX_FOUND then
    report.found[#report.found + 1] = text_of(sentence)
  end
end

-- Subtracts commands from the slice's budget; returns whether it is used up.
function Report.spend(report, commands)
  report.budget = report.budget - commands
  return report.budget <= 0
end

local function new_report(work)
  local report = { found = {}, count = 0, budget = work, leases = {} }
  for name, method in pairs(Report) do
    report[name] = method
  end
  return report
end

-- The message of a failed pcall without the line number.
local function error_text(message)
  local text = type(message) == 'table' and message.err or message
  return text_of((string.gsub(text, '^@?user_function:%d+: ', '')))
end

local PARTS -- in order; filled in a function, since the files of the parts are loaded later

local function list_parts()
  PARTS = {
    { 'fields', audit_fields.check }, { 'totals', audit_totals.check }, { 'tables', audit_tables.check },
    { 'columns', audit_pools.check_columns }, { 'members', audit_pools.check_members },
    { 'records', audit_records.check }, { 'keys', audit_keys.check }, { 'leases', audit_records.check_leases },
  }
end

-- The function and the name of a part, and the name of the next one, '' after the last.
local function find_part(name)
  if not PARTS then
    list_parts()
  end
  for at, part in ipairs(PARTS) do
    if part[1] == name or name == '' then
      return part[2], part[1], PARTS[at + 1] and PARTS[at + 1][1] or ''
    end
  end
  error('no part ' .. text_of(name))
end

-- Opens a fleet without trusting its state; nil and the reply if there is none to audit.
local function open(key, report)
  local read, fleet, refusal = pcall(state.read, key)
  if not read then
    report:add('state: cannot be read: ' .. error_text(fleet))
  elseif refusal == 'UNKNOWN_FLEET' then
    local prefix = string.sub(key, 1, -6)
    for _, name in ipairs({ 'cold', 'document', 'pools', 'sessions' }) do
      if redis.call('EXISTS', prefix .. name) == 1 then
        report:add('state: is missing')
        return nil
      end
    end
    return nil, { refusal }
  elseif refusal then
    return nil, { refusal }
  end
  return read and fleet or nil
end

-- time, part ('' for the first), cursor, work -> {AUDITED, next part or '', cursor, findings, their number, seconds of
-- lease sets still to be checked} | {UNKNOWN_FLEET} | {NEWER_FLEET} | {OLDER_FLEET}. O(work).
function audit.slice(key, now, name, cursor, work)
  local report = new_report(work)
  local fleet, refusal = open(key, report)
  if refusal then
    return refusal
  elseif not fleet then
    return { 'AUDITED', '', '', report.found, report.count, {} }
  end
  local check, part, following = find_part(name)
  local ok, next_cursor = pcall(function()
    accounting.advance(fleet, now)
    return check(fleet, report, cursor)
  end)
  if not ok then
    report:add(part .. ': audit failed: ' .. error_text(next_cursor))
    next_cursor = nil
  end
  return { 'AUDITED', next_cursor and part or following, next_cursor or '', report.found, report.count, report.leases }
end

-- cursor -> {CENSUS, next cursor, names of fleets}: every fleet with a state, document, pools or sessions, whether
-- listed or not. O(1000 keys).
function audit.census(cursor)
  local found = redis.call('SCAN', cursor, 'MATCH', '{*}:*', 'COUNT', 1000)
  local names = {}
  for _, key in ipairs(found[2]) do
    local name, rest = string.match(key, '^{([%w._:-]+)}:(%a+)$')
    if rest == 'state' or rest == 'document' or rest == 'pools' or rest == 'sessions' then
      names[#names + 1] = name
    end
  end
  return { 'CENSUS', found[1], names }
end
